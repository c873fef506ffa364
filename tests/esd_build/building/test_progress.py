import io
import re

import pytest
from rich.console import Console

from esd_build.building.progress import BuildProgress, phase_of


@pytest.mark.parametrize(
    ("line", "phase"),
    [
        ("[3/21] Building CXX object nestkernel/CMakeFiles/unity_4.cxx.o", ("compiling", 3, 21)),
        ("I: Retrieving libc6 2.41-12", ("Debian base system", 0, 0)),
        ("Setting up g++-14 (14.2.0-19) ...", ("Debian packages", 0, 0)),
        ("Processing /opt/esd/wheels/numpy.whl (from -r requirements.txt)", ("Python packages", 0, 0)),
        ("Processing triggers for libc-bin (2.41-12) ...", None),
        ("INFO:    Creating SIF file...", ("writing the image file", 0, 0)),
        ("+ set -eu", None),
    ],
)
def test_phase_of_a_line(line: str, phase: tuple[str, int, int] | None) -> None:
    assert phase_of(line) == phase


def test_without_a_terminal_each_phase_and_each_ninja_step_is_a_line() -> None:
    output = io.StringIO()
    progress = BuildProgress(Console(file=output, width=100))
    with progress.step("building nest"):
        for line in ("I: Retrieving a", "I: Retrieving b", "noise", "[1/2] a.o", "[1/2] a.o", "[2/2] b.o"):
            progress.line(line)
    lines = [line.strip() for line in output.getvalue().splitlines()]
    assert lines[:-1] == ["==> building nest", "Debian base system", "compiling 1/2", "compiling 2/2"]
    assert re.fullmatch(r"building nest: \d+ s", lines[-1])


def test_a_failing_step_is_not_reported_as_done() -> None:
    output = io.StringIO()
    progress = BuildProgress(Console(file=output, width=100))
    with pytest.raises(OSError, match="disk"), progress.step("building nest"):
        raise OSError("disk")
    assert output.getvalue() == "==> building nest\n"
