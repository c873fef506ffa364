import io

import pytest
from rich.console import Console

from esd_build.commands import transfer


def test_without_a_terminal_a_line_for_every_tenth_of_what_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    out = io.StringIO()
    with transfer.transfer("pushing", Console(file=out, width=200)) as progress:
        for done in range(0, 101, 5):
            now[0] += 3
            progress(done * 10**6, 100 * 10**6)
    assert out.getvalue().splitlines()[:2] == ["    pushing: 10 of 100 MB", "    pushing: 20 of 100 MB"]
    assert "100 of 100" not in out.getvalue()


def test_what_is_quick_is_not_worth_a_line() -> None:
    out = io.StringIO()
    with transfer.transfer("pushing", Console(file=out)) as progress:
        progress(50, 100)
        progress(100, 100)
        progress(0, 0)
    assert out.getvalue() == ""


def test_on_a_terminal_there_is_a_bar_that_goes_away() -> None:
    out = io.StringIO()
    with transfer.transfer("pushing", Console(file=out, force_terminal=True, width=100)) as progress:
        progress(50, 100)
    assert "pushing" in out.getvalue()
    assert out.getvalue().endswith("\x1b[2K")
