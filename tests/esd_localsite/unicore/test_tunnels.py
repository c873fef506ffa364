"""Tunnels: of an endpoint that runs, over TLS, with an unchanged socket; and what ends them, in memory."""

import asyncio
import base64
import hashlib
import re
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from esd_localsite.files.processes import Account
from esd_localsite.unicore.tunnels import TcpStream, Tunnels, connected_as

PASSWORD = ("esd", "geheim")
HOLD = "while [ ! -e go ]; do sleep 0.1; done"
UPGRADE = "Connection: Upgrade\r\nUpgrade: UNICORE-Socket-Forwarding\r\n"


class Echo(socketserver.BaseRequestHandler):
    """Greets, then sends everything back; ends at the word `end`."""

    def handle(self) -> None:
        self.request.sendall(b"hello\n")
        while data := self.request.recv(65536):
            if data == b"end":
                self.request.sendall(b"bye")
                return
            self.request.sendall(data)


@pytest.fixture(scope="module")
def echo() -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def job(client, wait):
    return wait(client.new_job({"Executable": HOLD}), "RUNNING")


def request(endpoint, job, query, *, login=PASSWORD, extra=UPGRADE) -> bytes:
    path = f"{job.resource_url.partition(str(endpoint.port))[2]}/forward-port{query}"
    authorization = f"Authorization: Basic {base64.b64encode(':'.join(login).encode()).decode()}\r\n" if login else ""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{authorization}{extra}\r\n".encode()


@contextmanager
def asked(endpoint, job, query, *, early=b"", **options) -> Iterator[tuple[str, socket.socket]]:
    """Head of the answer, and the connection behind it."""
    with (
        socket.create_connection(("127.0.0.1", endpoint.port), timeout=20) as plain,
        endpoint.verify.wrap_socket(plain, server_hostname="127.0.0.1") as tls,
    ):
        tls.sendall(request(endpoint, job, query, **options) + early)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += tls.recv(1) or pytest.fail(f"no answer: {head!r}")
        yield head.decode(), tls


def exactly(link: socket.socket, length: int) -> bytes:
    got = bytearray()
    while len(got) < length and (piece := link.recv(65536)):
        got += piece
    return bytes(got)


@pytest.mark.integration
class TestEndpoint:
    def test_bytes_go_both_ways(self, endpoint, job, echo):
        with asked(endpoint, job, f"?port={echo}") as (head, link):
            assert head.startswith("HTTP/1.1 101 Switching Protocols\r\n")
            assert re.search(r"(?im)^upgrade: UNICORE-Socket-Forwarding\r$", head)
            assert exactly(link, 6) == b"hello\n"
            for word in (b"one", b"\x00\xff" * 2000):
                link.sendall(word)
                assert exactly(link, len(word)) == word

    def test_the_service_ends_it(self, endpoint, job, echo):
        with asked(endpoint, job, f"?port={echo}&host=127.0.0.1") as (_, link):
            exactly(link, 6)
            link.sendall(b"end")
            assert exactly(link, 100) == b"bye"  # and then the end

    def test_what_follows_the_request_at_once_is_not_lost(self, endpoint, job, echo):
        with asked(endpoint, job, f"?port={echo}", early=b"early") as (_, link):
            assert exactly(link, 11) == b"hello\nearly"

    def test_much_data_is_streamed(self, endpoint, job, echo):
        """In asyncio: a TLS socket of Python that two threads use at once stalls."""
        block, blocks, found = bytes(range(256)) * 4096, 40, hashlib.sha256()

        async def both_ways() -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.port, ssl=endpoint.verify)
            writer.write(request(endpoint, job, f"?port={echo}"))
            await reader.readuntil(b"\r\n\r\nhello\n")

            async def send() -> None:
                for _ in range(blocks):
                    writer.write(block)
                    await writer.drain()

            sending = asyncio.create_task(send())
            for _ in range(blocks):
                found.update(await reader.readexactly(len(block)))
            await sending
            writer.close()

        asyncio.run(asyncio.wait_for(both_ways(), 60))
        assert found.digest() == hashlib.sha256(block * blocks).digest()

    def test_a_port_that_refuses_ends_it_at_once(self, endpoint, job):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))  # and does not listen
            with asked(endpoint, job, f"?port={unused.getsockname()[1]}") as (head, link):
                assert " 101 " in head
                assert link.recv(1) == b""

    def test_a_host_that_does_not_exist_ends_it(self, endpoint, job):
        with asked(endpoint, job, "?port=80&host=nosuch.invalid") as (head, link):
            assert " 101 " in head
            assert link.recv(1) == b""

    @pytest.mark.parametrize("port", [0, -1, 65536, 999999])
    def test_a_number_that_is_no_port_ends_it(self, endpoint, job, port):
        with asked(endpoint, job, f"?port={port}") as (head, link):
            assert " 101 " in head
            assert link.recv(1) == b""

    @pytest.mark.parametrize("query", ["", "?port=", "?port=ssh", "?port=1&loginNode=nosuch"])
    def test_without_a_port_there_is_none(self, endpoint, job, query):
        with asked(endpoint, job, query) as (head, _):
            assert " 500 " in head.splitlines()[0]

    def test_without_the_upgrade_it_is_a_document(self, endpoint, job, echo):
        with asked(endpoint, job, f"?port={echo}", extra="Connection: close\r\n") as (head, link):
            assert " 200 " in head.splitlines()[0]
            assert b"Nothing to see here yet." in exactly(link, 1000)

    def test_another_upgrade_is_not_this_one(self, endpoint, job, echo):
        with asked(endpoint, job, f"?port={echo}", extra="Connection: Upgrade\r\nUpgrade: h2c\r\n") as (head, _):
            assert " 200 " in head.splitlines()[0]

    @pytest.mark.parametrize("login", [None, ("esd", "wrong"), ("other", "auch geheim")])
    def test_only_the_jobs_owner_has_one(self, endpoint, job, echo, login):
        with asked(endpoint, job, f"?port={echo}", login=login) as (head, _):
            assert " 403 " in head.splitlines()[0]

    def test_a_job_that_is_not_submitted_has_none(self, endpoint, client, echo):
        waiting = client.new_job({"Executable": "date", "haveClientStageIn": "true"}, autostart=False)
        with asked(endpoint, waiting, f"?port={echo}") as (head, link):
            assert " 500 " in head.splitlines()[0]
            assert b"Job BSSID is null" in link.recv(2000)

    def test_the_connection_still_serves_after_a_refusal(self, endpoint, job):
        with asked(endpoint, job, "") as (_, link):
            link.recv(2000)
            link.sendall(b"GET /LOCAL/rest/core HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert b"HTTP/1.1 200" in exactly(link, 100_000)

    def test_too_many_are_refused(self, endpoint, job, echo):
        opened = []
        try:
            while len(opened) < 60:
                one = asked(endpoint, job, f"?port={echo}")
                head = one.__enter__()[0]
                opened.append(one)
                if " 101 " not in head.splitlines()[0]:
                    break
            assert (" 429 " in head.splitlines()[0], len(opened)) == (True, 51)
        finally:
            for one in opened:
                one.__exit__(None, None, None)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            with asked(endpoint, job, f"?port={echo}") as (head, _):
                if " 101 " in head:
                    return
            time.sleep(0.1)
        pytest.fail("closed tunnels are still counted")


class Memory:
    """A stream in memory: gives what is put, and remembers what it was told."""

    def __init__(self, *pieces: bytes) -> None:
        self.queue: asyncio.Queue[bytes | Exception] = asyncio.Queue()
        for piece in pieces:
            self.queue.put_nowait(piece)
        self.told: list[bytes] = []
        self.closed = False

    async def read(self) -> bytes:
        got = await self.queue.get()
        if isinstance(got, Exception):
            raise got
        return got

    async def write(self, data: bytes) -> None:
        self.told.append(data)

    async def close(self) -> None:
        self.closed = True


def through(near: Memory, far: Memory | Exception, **settings) -> Tunnels:
    tunnels = Tunnels(**settings)

    async def opening() -> Memory:
        if isinstance(far, Exception):
            raise far
        return far

    async def run() -> None:
        tunnels.start("esd", near, opening)
        assert not tunnels.has_room("esd") or settings.get("most_each", 50) > 1
        async with asyncio.timeout(5):
            while not near.closed:
                await asyncio.sleep(0.001)

    asyncio.run(run())
    return tunnels


def test_the_end_of_one_side_ends_both():
    near, far = Memory(b"a", b"b", b""), Memory()
    tunnels = through(near, far, most_each=1)
    assert (far.told, far.closed, tunnels.has_room("esd")) == ([b"a", b"b"], True, True)


def test_a_side_that_breaks_ends_both():
    near, far = Memory(), Memory()
    far.queue.put_nowait(ConnectionResetError(104, "reset"))
    through(near, far)
    assert far.closed


def test_a_far_end_that_cannot_be_opened_ends_it():
    assert through(near := Memory(), ConnectionRefusedError(111, "refused")).has_room("esd")
    assert near.told == []


def test_a_tunnel_in_which_nothing_moves_is_closed():
    near, far = Memory(b"a"), Memory()
    through(near, far, idle_s=0.05)
    assert (far.told, far.closed) == ([b"a"], True)


@pytest.mark.integration
def test_small_pieces_do_not_wait_for_the_answer_to_the_one_before(echo):
    async def delays() -> int:
        stream = await connected_as(Account.of(None), "127.0.0.1", echo)
        assert isinstance(stream, TcpStream)
        found = stream.writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        await stream.close()
        await stream.writer.wait_closed()
        return found

    assert asyncio.run(delays())
