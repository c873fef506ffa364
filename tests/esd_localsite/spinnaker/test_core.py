"""A core runs code, counts ticks, is interrupted, crashes with its state told, and does the same twice."""

import json
import struct
import subprocess
import sys

import pytest
from tests.esd_localsite.spinnaker.boards import APP, COUNTER, TICKS, aplx, booted, place, start

from esd_localsite.spinnaker.layout import TICKS_PER_MS
from esd_localsite.spinnaker.monitor import apps
from esd_localsite.spinnaker.monitor.results import RefusedError

pytest.importorskip("unicorn")


def run(board, ms):
    while board.time < ms * TICKS_PER_MS:
        assert board.step()


def ticks(board, core=1):
    return struct.unpack("<I", board.root.cores[core].peek(TICKS, 4))[0]


def test_a_core_counts_timer_ticks():
    board, _ = booted()
    start(board, COUNTER)
    run(board, 10.5)
    assert ticks(board) == board.time // TICKS_PER_MS == 11, "nothing happens after 10 ms, so the board leaps to 11"
    assert board.reports.seen == {}


def test_a_waiting_core_costs_nothing():
    board, _ = booted()
    start(board, COUNTER)
    run(board, 1000)
    assert ticks(board) == 1000
    assert board.root.cores[1].instructions < 200 * 1000


def test_two_runs_are_the_same():
    stories = []
    for _ in range(2):
        board, _ = booted()
        start(board, COUNTER)
        start(board, COUNTER, core=2, chip=board.chips[0x101])
        run(board, 20)
        stories.append(json.dumps(board.story()))
    assert stories[0] == stories[1]


def test_a_board_without_a_timer_rests():
    board, _ = booted()
    start(board, (*COUNTER[:16], 0xEE070F90, 0xEAFFFFFD))  # waits, and nothing will come
    for _ in range(5):
        board.step()
    assert not board.step()


@pytest.mark.parametrize(
    ("word", "told"),
    [
        (0xE5910000, "accesses memory that is not there"),  # ldr r0, [r1], r1 = 0x50000000
        (0xE7F000F0, "undefined instruction at pc 0x00000044"),
        (0xEF000001, "supervisor call"),
        (0xE12FFF11, "fetches an instruction at 0x50000000"),  # bx r1
    ],
)
def test_a_program_that_crashes_is_told_with_its_registers(word, told):
    board, _ = booted()
    start(board, (*COUNTER[:16], 0xE3A01205, word, 0xEAFFFFFE, *COUNTER[19:]))
    board.step()
    (report,) = board.reports.seen
    assert report.startswith(f"chip 0,0, core 1: {told}")
    assert "r1=0x50000000" in report
    assert "pc=0x" in report


def test_a_register_that_is_not_emulated_is_named_and_aborts_the_program():
    board, _ = booted()
    start(board, (*COUNTER[:16], 0xE3A01440, 0xE591001C, 0xEAFFFFFE, *COUNTER[19:]))  # ldr r0, [r1, #0x1c], r1 = 0x40000000
    board.step()
    (report,) = board.reports.seen
    assert "read of the DMA controller's register CRCC: not emulated, so this is a data abort at pc 0x00000044" in report
    assert board.root.cores[1].registers()["cpsr"] & 31 == 0x17


def test_a_program_whose_handlers_crash_is_stopped():
    board, _ = booted()
    start(board, (*COUNTER[:9], *(0x50000000,) * 7, 0xE7F000F0))
    while board.step():
        pass
    assert board.root.cores[1].halted
    assert any("stopped after" in report for report in board.reports.seen)


def test_what_is_no_program_is_refused():
    board, _ = booted()
    with pytest.raises(RefusedError, match="operation 0xffffffff"):
        apps.start(board.root, place(board.root, b"\xff" * 64), APP << 24 | 2, board.new_core)
    assert board.root.cores == {}


def test_the_core_of_the_monitor_is_refused():
    board, _ = booted()
    with pytest.raises(RefusedError, match="core 0 is the monitor"):
        apps.start(board.root, place(board.root, aplx(COUNTER)), APP << 24 | 3, board.new_core)


@pytest.mark.integration
def test_without_the_extra_every_module_imports_and_a_board_says_what_to_install():
    text = (
        "import sys, importlib, pkgutil; sys.modules['unicorn'] = None; import esd_localsite.spinnaker as room\n"
        "for found in pkgutil.walk_packages(room.__path__, room.__name__ + '.'): importlib.import_module(found.name)\n"
        "from esd_localsite.spinnaker.__main__ import main; sys.exit(main([]))"
    )
    done = subprocess.run((sys.executable, "-c", text), capture_output=True, text=True, check=False)
    assert (done.returncode, "pip install 'esd-images[spinnaker]'" in done.stderr) == (4, True), done.stderr
