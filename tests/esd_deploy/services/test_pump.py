"""The pump between two sockets, with socket pairs instead of a site."""

import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from esd_deploy.services.pump import End, Moved, pump

MUCH = 20 * 1024**2


@dataclass
class Joined:
    """A pump at work: `client` is the local program's end, `service` the far program's."""

    client: socket.socket
    service: socket.socket
    thread: threading.Thread
    ends: list[Moved]

    def end(self) -> Moved:
        self.thread.join(10)
        assert self.ends, "the pump goes on"
        return self.ends[0]


class Behind:
    """A connection that behaves otherwise in what a subclass says."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link

    def __getattr__(self, name: str) -> object:
        return getattr(self._link, name)


def join(early: bytes = b"", **settings: float) -> Joined:
    (client, near), (far, service) = socket.socketpair(), socket.socketpair()
    ends: list[Moved] = []

    def run() -> None:
        ends.append(pump(near, far, early, **settings))
        near.close()
        far.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    for link in (client, service):
        link.settimeout(10)
    return Joined(client, service, thread, ends)


@pytest.fixture
def joined() -> Iterator[Joined]:
    one = join()
    yield one
    one.client.close()
    one.service.close()
    one.thread.join(10)


def exactly(link: socket.socket, length: int) -> bytes:
    got = bytearray()
    while len(got) < length and (piece := link.recv(65536)):
        got += piece
    return bytes(got)


def test_bytes_go_both_ways(joined):
    joined.client.sendall(b"question")
    assert exactly(joined.service, 8) == b"question"
    joined.service.sendall(b"answer")
    assert exactly(joined.client, 6) == b"answer"
    joined.service.close()
    assert joined.client.recv(1) == b""
    assert joined.end() == Moved(End.FAR, 8, 6)


def test_what_came_with_the_answer_comes_first():
    one = join(b"220 hello ")
    one.service.sendall(b"there")
    assert exactly(one.client, 15) == b"220 hello there"
    one.service.close()
    assert one.end() == Moved(End.FAR, 0, 15)
    one.client.close()


@pytest.mark.parametrize("outwards", [True, False])
def test_much_passes_whole_though_the_reader_is_slow(joined, outwards):
    source, target = (joined.client, joined.service) if outwards else (joined.service, joined.client)
    data = os.urandom(1024**2) * (MUCH // 1024**2)

    def send() -> None:
        source.sendall(data)
        source.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    assert hashlib.sha256(exactly(target, MUCH)).digest() == hashlib.sha256(data).digest()
    sender.join()


def test_a_client_that_has_said_all_still_gets_its_answer(joined):
    """`printf … | nc`: the tunnel cannot tell the service that no more will come."""
    joined.client.sendall(b"all")
    joined.client.shutdown(socket.SHUT_WR)
    assert exactly(joined.service, 3) == b"all"
    joined.service.sendall(b"the answer")
    joined.service.close()
    assert exactly(joined.client, 100) == b"the answer"
    assert joined.end() == Moved(End.NEAR, 3, 10)


def test_a_client_that_left_with_its_answer_leaves_no_tunnel(joined):
    joined.client.sendall(b"q")
    exactly(joined.service, 1)
    joined.service.sendall(b"a")
    exactly(joined.client, 1)
    joined.client.close()
    assert joined.end() == Moved(End.NEAR, 1, 1)  # though the service would wait for more


def test_a_silent_service_is_not_waited_for_without_end():
    one = join(linger_s=0.2)
    one.client.sendall(b"q")
    one.client.shutdown(socket.SHUT_WR)
    assert one.end() == Moved(End.NEAR, 1, 0)
    one.client.close()
    one.service.close()


def test_a_client_that_breaks_off_ends_it(joined):
    joined.client.close()
    joined.service.sendall(b"nobody reads this")
    assert joined.end().end is End.NEAR


def test_a_far_side_that_breaks_off_is_told(monkeypatch):
    class Cut(Behind):
        """A connection that was cut: reading it raises what TLS raises."""

        def recv(self, _size: int) -> bytes:
            raise OSError("EOF occurred in violation of protocol")

    (client, near), (far, service) = socket.socketpair(), socket.socketpair()
    assert pump(near, Cut(far)).end is End.BROKEN
    for link in (client, near, far, service):
        link.close()


def test_links_that_are_closed_before_it_waits_are_told():
    class Closing(Behind):
        """A connection that its owner closes just after the pump has looked for bytes."""

        def recv(self, _size: int) -> bytes:
            self._link.close()
            raise BlockingIOError

    (client, near), (far, service) = socket.socketpair(), socket.socketpair()
    assert pump(Closing(near), Closing(far)).end is End.BROKEN
    for link in (client, service):
        link.close()
