"""The local end of a tunnel: its port, its connections, and what it says; far sides are socket pairs."""

import socket
import threading
from contextlib import closing, suppress

import pytest

from esd_build.data.errors import UsageError
from esd_deploy.backends.connection import ConnectionLostError, Passage
from esd_deploy.services.tunnel import LOOPBACK, Tunnel

pytestmark = pytest.mark.integration  # it listens on loopback


class Site:
    """Opens passages to an echo, or fails as told."""

    def __init__(self, *, echo: bool = True) -> None:
        self.echo = echo
        self.fails: list[Exception] = []
        self.opened: list[socket.socket] = []
        self.closed = 0

    def __call__(self) -> Passage:
        if self.fails:
            raise self.fails.pop(0)
        far, service = socket.socketpair()
        self.opened.append(service)
        if self.echo:
            threading.Thread(target=self._serve, args=(service,), daemon=True).start()
        return Passage(far, b"", self._close)

    def _close(self) -> None:
        self.closed += 1

    def _serve(self, service: socket.socket) -> None:
        with service:
            while data := service.recv(65536):
                service.sendall(data)


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def tunnel(site, said):
    with Tunnel(site, "c1:52425", notice=said.append, patience_s=5) as opened:
        yield opened


def connected(tunnel: Tunnel) -> closing:
    return closing(socket.create_connection((LOOPBACK, tunnel.port), timeout=10))


def echoed(link: socket.socket, data: bytes = b"ping") -> bool:
    link.sendall(data)
    return link.recv(len(data)) == data


def test_each_connection_has_a_passage_of_its_own(tunnel, site, said):
    with connected(tunnel) as one, connected(tunnel) as other:
        assert echoed(one, b"one")
        assert echoed(other, b"two")
        assert echoed(one, b"again")
    assert (len(site.opened), said) == (2, [])


def test_it_listens_on_loopback_only(tunnel):
    assert tunnel._listener.getsockname()[0] == "127.0.0.1"
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", tunnel.port), timeout=5)


def test_a_port_in_use_is_told(tunnel, site):
    with pytest.raises(UsageError, match=f"cannot listen on port {tunnel.port} .*--port"):
        Tunnel(site, "c1:1", port=tunnel.port, notice=print)


def test_a_site_that_is_away_for_a_moment_is_waited_for(tunnel, site, said):
    site.fails = [ConnectionLostError("the site does not answer")]
    with connected(tunnel) as link:
        assert echoed(link)
    assert said == ["the site does not answer; trying again"]


def test_a_tunnel_that_cannot_be_opened_resets_the_connection_and_the_next_one_works(tunnel, site, said):
    site.fails = [UsageError("this server forwards no ports")]
    with connected(tunnel) as link, pytest.raises(ConnectionResetError):
        link.recv(1)
    assert said == ["this server forwards no ports"]
    with connected(tunnel) as link:
        assert echoed(link)


def test_a_port_that_refuses_is_told(said):
    site = Site(echo=False)
    with Tunnel(site, "c1:52425", notice=said.append) as tunnel, connected(tunnel) as link:
        while not site.opened:
            link.settimeout(0.01)
            with pytest.raises(TimeoutError):
                link.recv(1)
        site.opened[0].close()
        link.settimeout(10)
        assert link.recv(1) == b""
    assert said == ["c1:52425 ended a connection without a word: does a program listen there?"]


def test_the_end_closes_everything(site, said):
    with Tunnel(site, "c1:1", notice=said.append) as tunnel:
        port, link = tunnel.port, socket.create_connection((LOOPBACK, tunnel.port), timeout=10)
        assert echoed(link)
    with link, suppress(ConnectionError):
        assert link.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((LOOPBACK, port), timeout=5)
    assert said == []
