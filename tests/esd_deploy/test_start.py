"""What goes wrong before a command is known."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from esd_deploy import start


def test_an_argument_that_is_no_text_is_named(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["esd-deploy", "run", "caf\udce9.py"])

    with pytest.raises(SystemExit) as end:
        start.main()

    assert (end.value.code, "argument 2 ('caf\\udce9.py') is not UTF-8" in capsys.readouterr().err) == (3, True)


@pytest.mark.parametrize("error", [RuntimeError("Could not determine home directory."), KeyError("getpwuid(): uid not found: 54321")])
def test_an_account_without_a_home_is_told_what_to_do(monkeypatch, capsys, error):
    def fails():
        raise error

    monkeypatch.setattr("esd_deploy.cli.main", fails)
    monkeypatch.setattr(sys, "argv", ["esd-deploy"])

    with pytest.raises(SystemExit):
        start.main()

    assert "set HOME" in capsys.readouterr().err


@pytest.mark.integration
def test_with_closed_output_a_command_still_ends_without_a_traceback(tmp_path):
    text = "exec >&- ; exec " + sys.executable + " -c 'from esd_deploy.start import main; main()' list --output " + str(tmp_path)

    done = subprocess.run(("bash", "-c", text), stderr=subprocess.PIPE, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


MOMENTS = 20
AT_ONCE = 2
INTERRUPTING = """
import _signal, os, sys
from importlib import import_module
at, program, events, handled = int(sys.argv[1]), sys.argv[2], 0, False

def interrupt(event, _arguments):
    global events, handled
    handled = handled or _signal.getsignal(_signal.SIGINT) is not _signal.default_int_handler
    if handled and event in {"import", "open", "exec"}:
        events += 1
        if events == at:
            os.kill(os.getpid(), _signal.SIGINT)

sys.argv = [program, "--version"]
sys.addaudithook(interrupt)
try:
    import_module(program + ".start").main()
finally:
    print("events", events)
"""
"""Runs a program and interrupts it as it opens, loads or executes something for the nth time: no clock says when."""
PROGRAMS = pytest.mark.parametrize("program", ["esd_deploy", "esd_build"])


def interrupted(program: str, at: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run((sys.executable, "-c", INTERRUPTING, str(at), program), capture_output=True, text=True, check=False)


@pytest.mark.integration
@PROGRAMS
def test_ctrl_c_at_any_moment_of_the_start_is_one_line(program):
    events = int(interrupted(program, 0).stdout.split()[-1])
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ends = list(pool.map(lambda number: interrupted(program, 1 + number * (events - 1) // (MOMENTS - 1)), range(MOMENTS)))

    line = f"{program.replace('_', '-')}: interrupted\n"
    # The very last moments are after Python has closed its streams: then the exit code alone says it.
    assert [(end.returncode, end.stderr or line) for end in ends] == [(130, line)] * MOMENTS


@pytest.mark.integration
@PROGRAMS
def test_hardly_anything_is_loaded_before_ctrl_c_is_one_line(program):
    """Each module more is a moment in which Python prints its traceback."""
    code = f"import sys; before = set(sys.modules); import {program}.start; print(*sorted(set(sys.modules) - before))"
    loaded = subprocess.run(
        (sys.executable, "-c", code), stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, "COVERAGE_PROCESS_START": ""}
    )

    assert set(loaded.stdout.split()) == {program, f"{program}.start", "esd_build", "esd_build.program", "esd_build.program.loading"}
