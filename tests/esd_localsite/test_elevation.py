import errno
import sys
from pathlib import Path

import pytest

import esd_localsite
from esd_localsite import elevated, elevation, lifecycle
from esd_localsite.errors import LocalSiteError


def test_the_command_behind_sudo_uses_this_interpreter_and_this_code() -> None:
    command = elevation.sudo_command(("up", "demo"), "/usr/bin/sudo")
    package = Path(esd_localsite.__file__).resolve().parents[1]
    assert command[:4] == ("/usr/bin/sudo", "-n", "--", "env")
    assert f"PYTHONPATH={package}" in command
    assert command[-5:] == (sys.executable, "-m", "esd_localsite.elevated", "up", "demo")


def test_without_sudo_one_is_told_to_become_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elevation, "find_program", lambda _name: None)
    with pytest.raises(LocalSiteError, match="run the command as root"):
        elevation.as_root(("up", "demo"), print)


def test_behind_sudo_a_failure_is_one_message(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(_name: str, **_: object) -> None:
        raise LocalSiteError("no munge")

    monkeypatch.setattr(lifecycle, "up", fail)
    assert elevated.main(("up", "demo")) == 4
    assert capsys.readouterr().err == "no munge\n"


def test_behind_sudo_a_full_disk_is_one_message(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(_name: str, **_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/var/lib/site")

    monkeypatch.setattr(lifecycle, "up", fail)
    assert elevated.main(("up", "demo")) == 4
    assert capsys.readouterr().err == "the disk is full (/var/lib/site): make room, then start again\n"


def test_behind_sudo_a_purge_stays_a_purge(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}
    monkeypatch.setattr(lifecycle, "down", lambda name, **options: asked.update(options, name=name))
    assert elevated.main(("down", "demo", "--purge")) == 0
    assert asked["name"] == "demo"
    assert asked["purge"] is True


@pytest.mark.integration
@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo step; exit 0", None),
        ("echo step; echo 'no munge' >&2; exit 4", r"^no munge$"),
        ("echo step; echo 'sudo: a password is required' >&2; exit 1", r"a password is required\nRun `sudo -v` first"),
    ],
)
def test_what_sudo_says_reaches_the_user(script: str, message: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sudo = tmp_path / "sudo"
    sudo.write_text(f"#!/bin/sh\n{script}\n")
    sudo.chmod(0o755)
    monkeypatch.setattr(elevation, "find_program", lambda _name: str(sudo))
    said: list[str] = []
    if message is None:
        elevation.as_root(("up", "demo"), said.append)
    else:
        with pytest.raises(LocalSiteError, match=message):
            elevation.as_root(("up", "demo"), said.append)
    assert said == ["step"]
