import os
import signal
import threading
import time
from pathlib import Path

import pytest

from esd_build.data.errors import ToolError
from esd_build.tools.process import run

pytestmark = pytest.mark.integration


def test_lines_arrive_while_the_program_runs_and_its_end_is_kept() -> None:
    lines: list[str] = []
    finished = run(("sh", "-c", "for i in 1 2 3; do echo line $i; done; echo oops >&2; exit 7"), on_line=lines.append, keep_lines=2)
    assert lines == ["line 1", "line 2", "line 3", "oops"]
    assert finished.tail == ("line 3", "oops")
    assert finished.returncode == 7


def test_environment_is_added_to_the_callers() -> None:
    assert run(("sh", "-c", "echo $COLOUR-$PATH"), environment={"COLOUR": "red"}).text == f"red-{os.environ['PATH']}"


def test_missing_program_is_one_message() -> None:
    with pytest.raises(ToolError, match="cannot run no-such-program: No such file or directory; run `make setup`"):
        run(("no-such-program",))


def test_interrupt_ends_the_program_and_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"

    def interrupt(_line: str) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait(5)

    with pytest.raises(KeyboardInterrupt):
        run(("sh", "-c", f"sleep 1000 & echo $! $$ > {pids}; echo started; wait"), on_line=interrupt)
    for pid in pids.read_text().split():
        assert has_ended(int(pid))


def has_ended(pid: int) -> bool:
    """Within seconds: a child that was told to end may not have been given a processor yet."""
    deadline = time.monotonic() + 20
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not is_running(pid)


def is_running(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
