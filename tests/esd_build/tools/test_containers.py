"""The container engine's answers, good and bad, over a real socket. The engine is a stand-in with the paths and documents of Docker's
API 1.45; `esd-build test IMAGE --oci NAME` is what runs against a real one."""

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import ClassVar

import pytest

from esd_build.data.errors import ToolError
from esd_build.tools.containers import Engine

pytestmark = pytest.mark.integration

NAME = "registry.eu/esd/nest:edge"
IDENTIFIER, DIGEST = ("sha256:" + two * 32 for two in ("ab", "ef"))


class Docker(BaseHTTPRequestHandler):
    """`answers`: the end of a path → status and body."""

    answers: ClassVar[dict[str, tuple[int, object]]] = {}
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.rfile.readline(), 16):
                self.rfile.read(size + 2)
            self.rfile.readline()
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer()

    def _answer(self) -> None:
        path = self.path.split("?")[0]
        status, body = next((a for end, a in self.answers.items() if path.endswith(end)), (404, {"message": f"no such thing: {path}"}))
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if isinstance(body, list):  # a report of progress, which Docker sends in pieces
            self.send_header("Transfer-Encoding", "chunked")
            content = b"".join(b"%x\r\n%s\r\n" % (len(line), line) for line in (json.dumps(part).encode() + b"\r\n" for part in body))
            content += b"0\r\n\r\n"
        else:
            content = json.dumps(body).encode()
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def address_string(self) -> str:
        return "socket"

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, tuple[int, object]]]:
    monkeypatch.setattr(
        Docker,
        "answers",
        {
            "/version": (200, {"ApiVersion": "1.45"}),
            "/_ping": (200, "OK"),
            "/images/load": (200, [{"stream": f"Loaded image: {NAME}\n"}]),
            f"/images/{NAME}/json": (200, {"Id": IDENTIFIER, "RepoTags": [NAME]}),
            "/images/registry.eu/esd/nest/push": (200, [{"status": "Pushing"}, {"aux": {"Tag": "edge", "Digest": DIGEST}}]),
        },
    )
    path = tmp_path / "docker.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    with socketserver.ThreadingUnixStreamServer(str(path), Docker) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Docker.answers
        server.shutdown()
        thread.join()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "image.tar"
    path.write_bytes(b"layers")
    return path


def test_load_then_push_gives_the_registry_s_digest(answers: dict[str, object], archive: Path) -> None:
    with Engine.connect() as engine:
        engine.load(archive, IDENTIFIER, NAME)
        assert engine.push(NAME) == DIGEST


def test_another_image_under_the_name_is_not_taken_for_ours(answers: dict[str, object], archive: Path) -> None:
    answers[f"/images/{NAME}/json"] = (200, {"Id": "sha256:" + "cd" * 32, "RepoTags": [NAME]})
    with pytest.raises(ToolError, match="is sha256:cdcd"), Engine.connect() as engine:
        engine.load(archive, IDENTIFIER, NAME)


def test_refused_push_is_an_error_though_the_engine_answers_200(answers: dict[str, object]) -> None:
    answers["/images/registry.eu/esd/nest/push"] = (200, [{"status": "Preparing"}, {"error": "unauthorized: no push to esd"}])
    with pytest.raises(ToolError, match="unauthorized: no push to esd"), Engine.connect() as engine:
        engine.push(NAME)


def test_podman_tells_the_digest_in_words(answers: dict[str, object]) -> None:
    answers["/images/registry.eu/esd/nest/push"] = (200, [{"status": f"edge: digest: {DIGEST} size: 430"}])
    with Engine.connect() as engine:
        assert engine.push(NAME) == DIGEST


def test_push_that_tells_nothing_is_not_called_pushed(answers: dict[str, object]) -> None:
    answers["/images/registry.eu/esd/nest/push"] = (200, [{"status": "Pushing"}])
    with pytest.raises(ToolError, match="no error and no digest"), Engine.connect() as engine:
        engine.push(NAME)


def test_full_disk_in_the_engine_is_told_in_its_words(answers: dict[str, object], archive: Path) -> None:
    answers["/images/load"] = (500, {"message": "write /layer: no space left on device"})
    with pytest.raises(ToolError, match=r"loading image\.tar: the container engine says: .*no space left"), Engine.connect() as engine:
        engine.load(archive, IDENTIFIER, NAME)


def test_without_an_engine_it_says_what_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    # A port that nothing listens on: docker-py leaves sockets of files that are not there unclosed.
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with (
        pytest.raises(ToolError, match=r"no container engine answers at tcp:.*:1; start Docker, or `podman system service"),
        Engine.connect(),
    ):
        pass
