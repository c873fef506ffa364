"""One client at a time, with and without the locks of the disk."""

import errno
import fcntl
import json
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from esd_deploy.records import lock
from esd_deploy.records.lock import HeldError, alone

HELD = ".lock.held"


@pytest.fixture(params=["kernel", "files", "files without hard links"])
def disk(request, monkeypatch):
    """A disk with locks, one without, and one that has no hard links either."""
    if request.param != "kernel":

        def no_locks(_descriptor: int, _operation: int) -> None:
            raise OSError(errno.ENOLCK, "No locks available")

        monkeypatch.setattr(fcntl, "flock", no_locks)
    if request.param == "files without hard links":

        def no_links(_own: object, _path: object) -> None:
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", no_links)
    return request.param


def test_a_second_one_is_told_who_is_at_work(tmp_path, disk):
    with alone(tmp_path / ".lock"), pytest.raises(HeldError, match="working on this run"), alone(tmp_path / ".lock"):
        pass

    with alone(tmp_path / ".lock"):
        pass


def test_who_waits_gets_it_when_it_is_free(tmp_path, disk):
    said = []
    held = alone(tmp_path / ".lock")
    held.__enter__()

    def step(_seconds: float) -> None:
        held.__exit__(None, None, None)

    with alone(tmp_path / ".lock", wait=True, notice=said.append, sleep=step):
        pass

    assert [text for text in said if "working on" in text]


def owner(**changed: object) -> str:
    return json.dumps({"host": socket.gethostname(), "process": 2**22 + 1, "since": 0} | changed)


@pytest.mark.parametrize(
    ("content", "age_s", "free"),
    [
        (owner(), 0, True),
        (owner(process=os.getpid()), 10_000, False),
        (owner(host="elsewhere"), 0, False),
        (owner(host="elsewhere"), lock.STALE_S + 10, True),
        ("{", 0, False),
        ("", lock.STALE_S + 10, True),
    ],
)
def test_a_lock_file_whose_owner_is_gone_is_taken_over(tmp_path, monkeypatch, content, age_s, free):
    monkeypatch.setattr(fcntl, "flock", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOLCK, "No locks available")))
    (tmp_path / HELD).write_text(content)
    now = (tmp_path / HELD).stat().st_mtime
    os.utime(tmp_path / HELD, (now - age_s, now - age_s))
    said = []

    def give_up(_seconds: float) -> None:
        if len(said) > 2:
            raise TimeoutError
        said.append("waited")

    if free:
        with alone(tmp_path / ".lock", wait=True, notice=said.append, sleep=give_up):
            assert json.loads((tmp_path / HELD).read_text())["process"] == os.getpid()
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]
        assert any("no file locks" in text for text in said)
    else:
        with pytest.raises(TimeoutError), alone(tmp_path / ".lock", wait=True, notice=said.append, sleep=give_up):
            pass
        assert (tmp_path / HELD).read_text() == content


def test_of_many_that_see_one_stale_lock_one_has_it(tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOLCK, "No locks available")))
    (tmp_path / HELD).write_text(owner())
    inside, most = [], []

    def work(number: int) -> None:
        with alone(tmp_path / ".lock", wait=True, sleep=lambda _seconds: time.sleep(0.001)):
            inside.append(number)
            most.append(len(inside))
            time.sleep(0.005)
            inside.remove(number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(24)))

    assert most == [1] * 24
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_who_slept_too_long_does_not_take_the_lock_of_the_next_away(tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOLCK, "No locks available")))
    with alone(tmp_path / ".lock"):
        (tmp_path / "next").write_text(owner(host="elsewhere"))
        (tmp_path / "next").replace(tmp_path / HELD)

    assert (tmp_path / HELD).read_text() == owner(host="elsewhere")
