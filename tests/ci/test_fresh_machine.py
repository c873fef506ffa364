"""The fresh machine: what it is called with, and that nothing of it stays."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCENARIOS = sorted((ROOT / "ci" / "fresh").glob("*.sh"))


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run((ROOT / "ci" / "fresh-machine.sh", *arguments), capture_output=True, text=True, check=False)


@pytest.mark.integration
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--suite", "sid"), "--suite sid: bookworm (Debian 12) or trixie (Debian 13)"),
        (("--as", "me"), "--as me: root or sudo"),
        (("--break", "all"), "--break all: directory, package or mode"),
        (("--scenario", "nothing"), "ci/fresh/nothing.sh does not exist"),
        (("--hot",), "unknown option --hot; usage: ci/fresh-machine.sh [--suite"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_usage_is_refused_before_anything_is_made(arguments: tuple[str, ...], told: str) -> None:
    finished = run(*arguments)
    assert finished.returncode == 3
    assert told in finished.stderr


def test_continuous_integration_shows_a_fresh_machine_before_the_tests() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert re.search(r"make fresh SUITE=(bookworm|trixie) AS=(root|sudo)$", lines[-3])
    assert lines[-1].endswith(" make test")
    assert "set -euo pipefail" in lines


def test_the_newcomer_types_what_readme_says() -> None:
    newcomer = (ROOT / "ci" / "fresh" / "newcomer.sh").read_text() + (ROOT / "ci" / "fresh" / "steps.sh").read_text()
    first_line = re.search(r"^\$ .*apt-get install ([a-z -]*[a-z])", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert first_line is not None
    assert f"apt-get install -y -qq {first_line[1]}" in newcomer
    assert "make demo" in newcomer
    assert "make test" in newcomer


@pytest.mark.integration
@pytest.mark.skipif(os.geteuid() != 0, reason="making namespaces and mounts needs root")
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_stays_of_a_machine_that_is_interrupted(ending: signal.Signals, tmp_path: Path) -> None:
    kept = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "esd-images" / "fresh"
    if not any(kept.glob("*.tar")):
        pytest.skip("no Debian was made here before: `make fresh` makes one, which takes a minute")
    suite = next(kept.glob("*.tar")).stem
    variables = {**os.environ, "ESD_FRESH_PLACE": str(tmp_path)}
    with subprocess.Popen(
        (ROOT / "ci" / "fresh-machine.sh", "--suite", suite, "--scenario", "idle"), env=variables, process_group=0
    ) as machine:
        try:
            assert wait_for(lambda: processes(tmp_path), 240), "the machine did not start"
        finally:
            machine.send_signal(ending)
    assert wait_for(lambda: not processes(tmp_path)), f"still running: {processes(tmp_path)}"
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()
    if ending is signal.SIGKILL:  # which no program can tidy up after: the next one does
        assert run_idle(suite, variables).returncode == 0
    assert list(tmp_path.iterdir()) == []


def run_idle(suite: str, variables: dict[str, str]) -> "subprocess.CompletedProcess[bytes]":
    command = (ROOT / "ci" / "fresh-machine.sh", "--suite", suite, "--scenario", "idle")
    return subprocess.run(command, env={**variables, "FRESH_IDLE": "0"}, check=False)


def processes(place: Path) -> list[str]:
    """Processes whose command line, root or environment names the machine's folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if (str(place) in command and "fresh/machine.sh" in command) or (str(place) in command and command.startswith("pasta")):
                found.append(f"{entry.name} {command}")
        except OSError:
            continue
    return found


def wait_for(condition: object, seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.2)
    return False
