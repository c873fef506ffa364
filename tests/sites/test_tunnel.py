"""A port of a running job, reached from outside: through the site's server, whichever it is."""

import hashlib
import json
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest

from esd_localsite.faults.board import Fault, FaultKind
from esd_localsite.state.options import Server
from esd_localsite.supervision.fault_switches import clear, inject

pytestmark = pytest.mark.site

IMAGE = ("--image", "nest:edge")
PORT = 52425
BLOCK = bytes(range(256)) * 4096
MUCH = 200
"""Blocks of 1 MiB."""
SERVER = f"""
import hashlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BLOCK = bytes(range(256)) * 4096


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        blocks = [BLOCK] * {MUCH} if self.path == "/much" else [socket.gethostname().encode()]
        self.answer(sum(map(len, blocks)))
        for block in blocks:
            self.wfile.write(block)
        if self.path == "/end":
            threading.Thread(target=server.shutdown).start()

    def do_POST(self):
        length, found = int(self.headers["Content-Length"]), hashlib.sha256()
        while length:
            piece = self.rfile.read(min(length, 65536))
            length -= len(piece)
            found.update(piece)
        self.answer(64)
        self.wfile.write(found.hexdigest().encode())

    def answer(self, length):
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, *words):
        pass


server = ThreadingHTTPServer(("", {PORT}), Handler)
server.serve_forever()
"""


@dataclass
class Opened:
    """A tunnel that `esd-deploy tunnel` keeps open."""

    port: int
    process: subprocess.Popen[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def end(self) -> str:
        """Ctrl-C; what it said on standard error."""
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=30)[1]


@pytest.fixture(scope="module")
def serving(deploy, published, tmp_path_factory) -> Iterator[str]:
    """A run that serves HTTP on its node."""
    script = tmp_path_factory.mktemp("server") / "server.py"
    script.write_text(SERVER)
    record = json.loads(deploy("submit", str(script), "--site", str(deploy.site_file), *IMAGE, "--json").stdout)
    yield (run_id := record["id"])
    deploy("cancel", run_id)


@contextmanager
def tunnel(deploy, run_id: str, port: int = PORT) -> Iterator[Opened]:
    command = deploy.command("tunnel", run_id, "--to", str(port), "--wait", "--json")
    with subprocess.Popen(command, cwd=deploy.runs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            yield Opened(json.loads(line)["port"], process)
        finally:
            process.kill()


@pytest.fixture
def opened(deploy, serving) -> Iterator[Opened]:
    with tunnel(deploy, serving) as one:
        yield one


def test_the_service_is_reached_and_ctrl_c_ends_the_tunnel_only(deploy, serving, opened):
    assert httpx.get(opened.url).text == "c1"
    said = opened.end()
    assert (opened.process.returncode, f"the tunnel is closed; run {serving} goes on" in said) == (0, True)
    with pytest.raises(httpx.ConnectError):
        httpx.get(opened.url)


def test_much_passes_whole_in_both_directions(opened):
    found = hashlib.sha256()
    with httpx.stream("GET", f"{opened.url}/much", timeout=120) as answer:
        for piece in answer.iter_bytes():
            found.update(piece)
    assert found.digest() == hashlib.sha256(BLOCK * MUCH).digest()
    data = BLOCK * 50
    assert httpx.post(opened.url, content=data, timeout=120).text == hashlib.sha256(data).hexdigest()


def test_many_connections_at_once(opened):
    with httpx.Client(limits=httpx.Limits(max_keepalive_connections=0)) as each_anew:
        assert {each_anew.get(opened.url).text for _ in range(10)} == {"c1"}
    clients = [httpx.Client() for _ in range(6)]
    try:
        for _ in range(3):
            assert {client.get(opened.url).text for client in clients} == {"c1"}
    finally:
        for client in clients:
            client.close()


def test_a_client_that_has_said_all_gets_its_answer(opened):
    with socket.create_connection(("127.0.0.1", opened.port), timeout=60) as link:
        link.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        link.shutdown(socket.SHUT_WR)
        got = b""
        while piece := link.recv(65536):
            got += piece
    assert got.endswith(b"\r\n\r\nc1")


def test_a_server_that_is_killed_costs_a_connection_and_not_the_tunnel(running_site, site_options, opened):
    assert httpx.get(opened.url).text == "c1"
    own = site_options.server is Server.OWN
    fault = Fault(kind=FaultKind.ENDPOINT_RESTART) if own else Fault(kind=FaultKind.SERVER_DOWN, seconds=2)
    with httpx.Client(timeout=60) as client:
        client.get(opened.url)
        inject(running_site.name, fault)
        end = time.monotonic() + 120
        while True:
            try:
                assert client.get(opened.url).text == "c1"
                break
            except httpx.TransportError:
                assert time.monotonic() < end
                time.sleep(0.5)
    clear(running_site.name, fault.kind)


def test_a_port_that_refuses_is_told(deploy, serving, opened):
    refused = deploy("tunnel", serving, "--to", str(PORT + 1), code=3)
    assert f"c1:{PORT + 1} refuses connections" in refused.stderr


def test_a_port_in_use_is_told(deploy, serving, opened):
    assert "another one with --port" in deploy("tunnel", serving, "--to", str(PORT), "--port", str(opened.port), code=3).stderr


def test_the_end_of_the_run_ends_the_tunnel(deploy, published, script):
    record = json.loads(
        deploy("submit", str(script(SERVER.replace(str(PORT), str(PORT + 2)))), "--site", str(deploy.site_file), *IMAGE, "--json").stdout
    )
    run_id = record["id"]
    with tunnel(deploy, run_id, port=PORT + 2) as one:
        httpx.get(f"{one.url}/end")
        said = one.process.communicate(timeout=120)[1]
    assert (one.process.returncode, "has ended" in said) == (0, True)
    assert "nothing of it listens any more" in deploy("tunnel", run_id, "--to", str(PORT), code=3).stderr
