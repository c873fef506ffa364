"""What a job of the queue becomes: exact text."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from esd_localsite.nmpi.platforms import EMULATED, PLATFORMS
from esd_localsite.nmpi.program import RequestError, command_words, description, script
from esd_localsite.nmpi.records import Request

DEMO, SPINNAKER = PLATFORMS["Demo"], PLATFORMS["SpiNNaker"]
IMAGE = Path("/site/my images/Demo.sif")


def request(**fields):
    return Request.model_validate({"code": "print(1)", "collab": "demo", "hardware_platform": "Demo", **fields})


@pytest.mark.parametrize(
    ("command", "platform", "words"),
    [
        ("run.py {system}", DEMO, ("run.py", "nest")),
        ("run.py {system}", SPINNAKER, ("run.py", "spiNNaker")),
        ("src/net.py --size '1 2' {system}", DEMO, ("src/net.py", "--size", "1 2", "nest")),
    ],
)
def test_the_command_and_its_system(command, platform, words):
    assert command_words(command, platform) == words


@pytest.mark.parametrize("command", ["", "/bin/sh", "../run.py", "a/../../b.py", "run.py 'open", "a\nb"])
def test_commands_that_leave_the_code(command):
    with pytest.raises(RequestError):
        command_words(command, DEMO)


def test_the_script_on_a_virtual_board():
    assert script(("run.py", "a b", "$(id)"), SPINNAKER, IMAGE, hours=2, ignored=("extra_makes",)).splitlines()[-8:] == [
        "  rm code.archive",
        "fi",
        "touch ../started",
        (
            """timeout 2h apptainer --silent exec --home "$own_home" --bind "$PWD" --pwd "$PWD" '/site/my images/Demo.sif' """
            """python3 run.py 'a b' '$(id)'"""
        ),
        "code=$?",
        "echo 'local site: this was a virtual SpiNNaker board: the network was mapped to it, nothing ran, there are no spikes.'",
        '[ $code -ne 124 ] || echo "local site: the job reached its time limit"',
        "exit $code",
    ]


def test_code_as_text_goes_where_the_command_looks_for_it():
    imports = {entry["To"]: entry for entry in description(request(command="net.py {system}"), DEMO, IMAGE)["Imports"]}
    assert imports["work/net.py"]["Data"] == "print(1)"
    assert imports["home/.spynnaker.cfg"]["Data"] == ""


def test_a_virtual_board_is_asked_for():
    imports = {entry["To"]: entry for entry in description(request(hardware_platform="SpiNNaker"), SPINNAKER, IMAGE)["Imports"]}
    assert "virtual_board = True" in imports["home/.spynnaker.cfg"]["Data"]


def test_code_as_archive_and_input_data_are_fetched():
    fields = {"code": "https://h/a/code.tar.gz", "input_data": [{"url": "https://h/data/x.h5?v=1"}]}
    imports = [(entry["From"], entry["To"]) for entry in description(request(**fields), DEMO, IMAGE)["Imports"]]
    assert ("https://h/a/code.tar.gz", "code.archive") in imports
    assert ("https://h/data/x.h5?v=1", "work/x.h5") in imports


@pytest.mark.parametrize(
    "fields",
    [
        {"code": "https://h/repository.git"},
        {"code": "drive://collab/folder"},
        {"input_data": [{"url": "file:///etc/passwd"}]},
        {"input_data": [{"url": "https://h/"}]},
        {"hardware_config": {"timeout": "2"}},
        {"hardware_config": {"timeout": 0}},
        {"hardware_config": {"timeout": True}},
    ],
)
def test_what_the_queue_cannot_do_is_refused(fields):
    with pytest.raises(RequestError):
        description(request(**fields), DEMO, IMAGE)


def test_settings_that_make_no_difference_are_named_in_the_log():
    text = description(request(hardware_config={"extra_makes": ["x"], "timeout": 1}), DEMO, IMAGE)["Imports"][-1]["Data"]
    assert "hardware_config.extra_makes makes no difference here" in text
    assert "timeout 1h" in text


def test_an_emulated_board_runs_beside_the_program():
    job = description(request(hardware_platform="SpiNNaker", hardware_config={"emulated": True}), SPINNAKER, IMAGE)
    imports = {entry["To"]: entry["Data"] for entry in job["Imports"]}
    assert "virtual_board" not in imports["home/.spynnaker.cfg"]
    lines = imports["queue.sh"].splitlines()
    start = next(place for place, line in enumerate(lines) if "-m esd_localsite.spinnaker --board 3 --ready ../board.ip" in line)
    assert lines[start + 1 : start + 3] == ["board=$!", "trap 'kill $board 2>/dev/null' EXIT"]
    assert "machine_name" in lines[start + 5]
    assert lines[-7:] == [
        f'timeout 24h apptainer --silent exec --home "$own_home" --bind "$PWD" --pwd "$PWD" \'{IMAGE}\' python3 run.py spiNNaker',
        "code=$?",
        "kill $board; wait $board",
        "cat ../board.log",
        f"echo '{EMULATED.note}'",
        '[ $code -ne 124 ] || echo "local site: the job reached its time limit"',
        "exit $code",
    ]


@pytest.mark.parametrize(("platform", "emulated"), [("Demo", True), ("SpiNNaker", "yes")])
def test_what_cannot_be_emulated(platform, emulated):
    with pytest.raises(RequestError, match="emulated"):
        description(request(hardware_platform=platform, hardware_config={"emulated": emulated}), PLATFORMS[platform], IMAGE)


@pytest.mark.integration
def test_the_program_finds_the_board(tmp_path, monkeypatch):
    """The queue's own script, with a program in place of Apptainer that runs the job's Python here."""
    pytest.importorskip("unicorn")
    (tmp_path / "bin").mkdir()
    container = tmp_path / "bin" / "apptainer"
    container.write_text('#!/bin/sh\nwhile [ "$1" != python3 ]; do shift; done\nexec "$@"\n')
    container.chmod(0o755)
    (tmp_path / "work").mkdir()
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".spynnaker.cfg").write_text(EMULATED.settings)
    (tmp_path / "work" / "run.py").write_text("print(open('../home/.spynnaker.cfg').read().splitlines()[-1])\n")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    done = subprocess.run(
        ("bash", "-c", script(("run.py",), EMULATED, IMAGE, hours=1)), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.splitlines()[0][:24]) == (0, "machine_name = 127.17.0.")
    assert EMULATED.note in done.stdout
    assert json.loads((tmp_path / "board.json").read_text())["ms"] == 0
