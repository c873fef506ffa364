"""The board of fault switches."""

import os
from types import SimpleNamespace

import pytest

from esd_localsite.errors import LocalSiteError
from esd_localsite.faults.board import MEANING, Fault, FaultBoard, FaultKind
from esd_localsite.supervision import fault_switches


@pytest.fixture
def board(tmp_path):
    return FaultBoard(tmp_path / "faults.json")


def test_without_a_file_nothing_is_on(board):
    assert (board.all(), board.take(FaultKind.SLOW)) == ((), None)


def test_a_fault_strikes_as_often_as_was_asked_and_is_seen_by_others(board):
    other = FaultBoard(board.path)
    board.switch_on(Fault(kind=FaultKind.SLOW, times=2))
    assert [bool(other.take(FaultKind.SLOW)) for _ in range(3)] == [True, True, False]
    assert board.all() == ()


def test_a_fault_without_a_count_stays_until_it_is_switched_off(board):
    board.switch_on(Fault(kind=FaultKind.SLOW))
    assert all(board.take(FaultKind.SLOW) for _ in range(3))
    board.switch_off(FaultKind.SLOW)
    assert board.take(FaultKind.SLOW) is None


def test_switching_on_again_replaces(board):
    board.switch_on(Fault(kind=FaultKind.SLOW, times=1))
    board.switch_on(Fault(kind=FaultKind.SUBMIT_503))
    board.switch_on(Fault(kind=FaultKind.SLOW, times=5))
    assert {(fault.kind, fault.times) for fault in board.all()} == {(FaultKind.SLOW, 5), (FaultKind.SUBMIT_503, None)}


def test_a_damaged_file_is_named(board):
    board.path.write_text('[{"kind": "unheard-of"}]')
    with pytest.raises(LocalSiteError, match=r"faults\.json is not a list of faults"):
        board.all()


def test_the_board_is_read_again_only_when_it_changed(board, monkeypatch):
    board.switch_on(Fault(kind=FaultKind.SLOW))
    board.all()
    monkeypatch.setattr("esd_localsite.faults.board._read", lambda path: pytest.fail("read again"))
    assert board.shows(FaultKind.SLOW)
    os.utime(board.path)
    with pytest.raises(pytest.fail.Exception):
        board.all()


def test_every_fault_says_what_it_does():
    assert set(MEANING) == set(FaultKind)
    assert str(Fault(kind=FaultKind.SLOW, times=1)).startswith("slow (1 more time): every answer takes")


@pytest.mark.parametrize(
    ("state", "expected"), [("DOWN", True), ("DOWN*+DRAIN", True), ("IDLE+DRAIN", True), ("IDLE", False), ("MIXED", False)]
)
def test_only_a_node_that_is_down_is_resumed(state, expected):
    """Slurm refuses others: "Invalid node state"."""
    assert fault_switches.may_resume(f"NodeName=c2 Arch=x86_64 State={state} ThreadsPerCore=1") is expected


def test_a_small_disk_is_seen_whatever_the_board_says():
    mounts = "quota /site/scratch tmpfs rw 0 0\nquota /site/other tmpfs rw 0 0\ntmpfs /site/scratch tmpfs rw 0 0\n"
    assert fault_switches.small_disks(mounts, "/site/scratch") == 1


def test_clear_takes_a_disk_away_whose_fault_was_used_up(board, monkeypatch, tmp_path):
    done = []
    monkeypatch.setattr(fault_switches, "_running", lambda _name: (SimpleNamespace(faults=board.path), None))
    monkeypatch.setattr(fault_switches, "_unmount_small_disk", done.append)
    assert fault_switches.clear("any", (FaultKind.DISK_QUOTA,)) == ()
    assert len(done) == 1
