"""What goes wrong before a command is known."""

import subprocess
import sys

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
