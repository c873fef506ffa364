import os
import subprocess
import sys
from pathlib import Path

import pytest

from esd_localsite.state import lock
from esd_localsite.state.layout import Layout


@pytest.fixture(autouse=True)
def network_of_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own network may be locked by a site that somebody starts just now."""
    (tmp_path / "network").touch()
    monkeypatch.setattr(lock, "_NETWORK", tmp_path / "network")


def test_a_lock_is_seen_while_it_is_held(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not lock.is_locked(path)
    with lock.holding(path):
        assert lock.is_locked(path)
    assert not lock.is_locked(path)


def test_the_supervisor_is_known_only_while_it_holds_its_lock(tmp_path: Path) -> None:
    layout = Layout("demo", root=tmp_path)
    layout.state.mkdir()
    layout.lock.write_text("4711\n")
    assert lock.supervisor_pid(layout) is None
    with lock.holding(layout.lock):
        assert lock.supervisor_pid(layout) == 4711


def test_a_second_operation_says_that_it_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    layout = Layout("demo", root=tmp_path)
    (tmp_path / "network").touch()
    monkeypatch.setattr(lock, "_NETWORK", tmp_path / "network")  # the machine's own may be held by a site that starts just now
    with lock.operation(layout, said.append):
        assert said == []
    monkeypatch.setattr(lock, "is_locked", lambda _path: True)
    with lock.operation(layout, said.append):
        assert said == ["waiting for another `up` or `down` on this machine"]


def test_what_root_makes_for_other_accounts_is_open_whatever_the_callers_umask(tmp_path: Path) -> None:
    layout = Layout("demo", root=tmp_path / "sites")
    before = os.umask(0o077)
    try:
        with lock.operation(layout, print):
            (layout.root / "munge").mkdir()
        (layout.root / "own").mkdir()
    finally:
        os.umask(before)
    modes = [path.stat().st_mode & 0o777 for path in (layout.root, layout.root / "munge", layout.root / "own")]
    assert modes == [0o755, 0o755, 0o700]


@pytest.mark.integration
def test_a_process_that_inherits_the_lock_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock.holding(path) as held:
        child = subprocess.Popen((sys.executable, "-c", "import sys; sys.stdin.read()"), stdin=subprocess.PIPE, pass_fds=(held,))
    with child:
        assert lock.is_locked(path)
        os.kill(child.pid, 9)
        child.wait()
        assert not lock.is_locked(path)
