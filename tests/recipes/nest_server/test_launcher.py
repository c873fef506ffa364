"""The launcher as a process of its own, with one rank of a faked NEST: HTTP, token, and every way to end."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import msgpack
import numpy
import pytest

from esd_nest_server.ending import Limits
from esd_nest_server.launcher import end_of_job, token_of

ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys
from esd_nest_server import launcher
from tests.recipes.nest_server.fakes import FakeNest, Ranks, ThreadWire
sys.exit(launcher.run(launcher.options(), FakeNest(), ThreadWire(0, Ranks(1))))
"""
integration = pytest.mark.integration


class Service:
    """One launcher and one open connection to it."""

    def __init__(self, folder, *options, **environment):
        self.folder = folder
        self.errors = folder / "errors"
        path = os.pathsep.join((str(ROOT), str(ROOT / "recipes/nest-server")))
        command = (sys.executable, "-c", PROGRAM, "--host", "127.0.0.1", *options)
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                command, cwd=folder, env={**os.environ, "PYTHONPATH": path, **environment}, stdout=errors, stderr=errors
            )
        self.own = folder / "esd/service"
        deadline = time.monotonic() + 20
        while not (self.own / "address.json").exists() and self.process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        if self.process.poll() is None:
            self.address = json.loads((self.own / "address.json").read_text())
            self.token = (self.own / "token").read_text()
            self.connection = http.client.HTTPConnection(self.address["host"], self.address["port"], timeout=20)

    def ask(self, method, path, body=None, *, form="application/json", headers=None):
        content = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        own = {"NESTServerAuth": self.token, "Content-Type": form} if headers is None else headers
        self.connection.request(method, path, content, own)
        response = self.connection.getresponse()
        content = response.read()
        kind = response.headers["Content-Type"]
        answer = json.loads(content) if "json" in kind else content if "msgpack" in kind else content.decode()
        return SimpleNamespace(status=response.status, answer=answer, headers=response.headers)

    def ended(self):
        code = self.process.wait(20)
        return code, self.errors.read_text()


@pytest.fixture
def serve(tmp_path):
    made = []

    def begin(*options, **environment):
        made.append(Service(tmp_path, *options, **environment))
        return made[-1]

    yield begin
    for one in made:
        one.process.kill()
        one.process.wait()
        if hasattr(one, "connection"):
            one.connection.close()


@integration
def test_calls_as_nest_server_takes_them_over_one_connection(serve):
    service = serve()

    assert service.ask("GET", "/").answer == {"nest": "3.10.0", "mpi": False, "ranks": 1, "ends_in_s": None}
    port = service.connection.sock.getsockname()[1]
    assert service.ask("POST", "/api/Create", {"model": "iaf", "n": 2}).answer == [1, 2]
    assert service.ask("POST", "/api/Create", ["iaf"]).answer == [3]
    assert service.ask("POST", "/api/GetDefaults", "iaf").answer["V_m"] == -70.0
    assert service.ask("POST", "/api/Create", {"args": ["iaf"], "n": 2}).answer == [4, 5]
    assert service.ask("GET", "/api/GetKernelStatus").answer["network_size"] == 5
    assert "Create" in service.ask("GET", "/api").answer
    assert service.connection.sock.getsockname()[1] == port, "each request took a connection of its own"


@integration
def test_a_batch_in_the_binary_form(serve):
    service = serve()
    calls = [
        ["Create", ["iaf", 3]],
        ["Create", ["recorder"]],
        ["Prepare"],
        ["Run", [20.0]],
        ["GetStatus", {"nodes_or_conns": [4], "keys": "events"}],
    ]

    found = service.ask("POST", "/batch", msgpack.packb({"calls": calls}), form="application/msgpack")

    *others, [events] = msgpack.unpackb(found.answer)["answers"]
    assert others == [[1, 2, 3], [4], None, None]
    assert numpy.frombuffer(events["times"]["data"], events["times"]["__array__"]).tolist() == sorted(list(range(1, 21)) * 3)
    assert [one.partition(";")[0].strip() for one in found.headers["Server-Timing"].split(",")] == ["nest", "ranks", "form"]


@integration
def test_the_token_is_asked_for_and_never_printed(serve):
    service = serve()
    service.ask("POST", "/api/Create", ["iaf"])

    for headers in ({}, {"NESTServerAuth": "x" * 43}, {"Authorization": "Bearer "}, {"NESTServerAuth": "\xe9"}):
        found = service.ask("POST", "/api/Create", ["iaf"], headers=headers)
        assert (found.status, found.answer) == (403, "Unauthorized")
    assert service.ask("GET", "/", headers={"Authorization": f"Bearer {service.token}"}).status == 200
    assert service.ask("GET", "/api/GetKernelStatus").answer["network_size"] == 1
    assert (service.own / "token").stat().st_mode & 0o777 == 0o600
    assert len(service.token) >= 43
    service.ask("POST", "/stop", b"")
    assert service.token not in service.ended()[1]


@integration
def test_scripts_are_not_executed(serve):
    found = serve().ask("POST", "/exec", {"source": "import os"})

    assert (found.status, "RestrictedPython does not contain them" in found.answer) == (403, True)


@integration
def test_scripts_are_executed_where_the_service_allows_it(serve):
    service = serve("--scripts")

    found = service.ask("POST", "/exec", {"source": "neurons = nest.Create('iaf', 3)", "return": "neurons"})

    assert (found.status, found.answer) == (200, {"data": [1, 2, 3]})
    assert service.ask("POST", "/exec", {"return": "neurons"}).status == 400
    assert service.ask("POST", "/exec", {"source": "1 +", "return": "x"}).status == 400


@integration
def test_pages_of_a_named_origin_may_ask_from_a_browser_and_no_others(serve):
    service = serve("--origin", "http://127.0.0.1:8000")
    before = {"Origin": "http://127.0.0.1:8000", "Access-Control-Request-Method": "POST"}

    allowed = service.ask("OPTIONS", "/api/Create", headers=before)
    refused = service.ask("OPTIONS", "/api/Create", headers={**before, "Origin": "http://evil.example.org"})
    answered = service.ask("GET", "/", headers={"NESTServerAuth": service.token, **before})
    stranger = service.ask("GET", "/", headers={"NESTServerAuth": service.token, "Origin": "http://evil.example.org"})

    assert (allowed.status, allowed.headers["Access-Control-Allow-Origin"]) == (204, "http://127.0.0.1:8000")
    assert "NESTServerAuth" in allowed.headers["Access-Control-Allow-Headers"]
    assert (refused.status, answered.headers["Access-Control-Allow-Origin"]) == (403, "http://127.0.0.1:8000")
    assert stranger.headers["Access-Control-Allow-Origin"] is None
    assert service.ask("GET", "/", headers={"Origin": "http://127.0.0.1:8000"}).status == 403, "an origin is no token"


@integration
@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/api/Create", b"{", "expected application/json"),
        ("/api/Create", 5, "expected a list of arguments"),
        ("/api/Nothing", [], "no function 'Nothing'"),
        ("/api/__import__", ["os"], "no function"),
        ("/batch", {"calls": [["Create", ["iaf"], 3]]}, "expected"),
        ("/batch", [], "expected"),
        ("/api/SetStatus", {"nodes_or_conns": "none", "params": {}}, "no population 'none'"),
    ],
)
def test_wrong_requests_are_answered_and_the_service_lives(serve, path, body, words):
    service = serve()

    found = service.ask("POST", path, body)

    assert (found.status, words in found.answer) == (400, True), found.answer
    assert service.ask("GET", "/").status == 200


@integration
def test_a_request_too_large_is_not_read(serve):
    service = serve()
    with socket.create_connection((service.address["host"], service.address["port"])) as raw:
        raw.sendall(f"POST /batch HTTP/1.1\r\nNESTServerAuth: {service.token}\r\nContent-Length: 99999999999\r\n\r\n".encode())
        assert b" 413 " in raw.recv(1000)
    assert service.ask("GET", "/").status == 200


@integration
@pytest.mark.parametrize("how", ["request", "file", "signal", "limit"])
def test_every_end_saves_the_events_and_leaves_no_token(serve, how):
    service = serve(*(["--time-s", "3", "--save-s", "1", "--warn-s", "2.5"] if how == "limit" else []))
    service.ask("POST", "/batch", {"calls": [["Create", ["iaf", 2]], ["Create", ["recorder"]], ["Prepare"], ["Run", [3.0]]]})

    if how == "request":
        service.ask("POST", "/stop", b"")
    elif how == "file":
        (service.own / "stop").touch()
    elif how == "signal":
        service.process.send_signal(signal.SIGTERM)
    code, said = service.ended()

    assert code == 0
    words = {"request": "a client said so", "file": "stopped by its user", "signal": "SIGTERM", "limit": "time limit of the job"}
    assert f"stops: {words[how]}" in said
    assert ("comes near" in said) == (how == "limit")
    assert "saved the events of 1 recorders" in said
    with numpy.load(service.folder / "recorders.npz") as saved:
        assert saved["3.senders"].tolist() == [1, 2] * 3
    assert [one.name for one in service.own.iterdir() if one.name != "stop"] == []


@integration
def test_who_asks_while_it_ends_is_told_why(serve):
    service = serve("--time-s", "2", "--save-s", "1")
    statuses = set()
    while service.process.poll() is None:
        try:
            found = service.ask("GET", "/api/GetKernelStatus")
        except (OSError, http.client.HTTPException):
            break
        statuses.add((found.status, found.answer if found.status != 200 else ""))
        assert found.headers["NESTServer-Ends-In"].isdecimal()

    assert statuses <= {(200, ""), (503, "the service ends: time limit of the job")}
    assert service.ended()[0] == 0


@integration
def test_a_network_of_the_users_has_populations(serve, tmp_path):
    (tmp_path / "net.py").write_text(
        "from tests.recipes.nest_server.fakes import FakeNest\nlayer = FakeNest.of_this_thread().Create('iaf', 5)\n"
    )

    service = serve("--network", "net.py", "--threads", "4")

    assert service.ask("GET", "/populations").answer == {"layer": 5}
    assert service.ask("POST", "/api/GetStatus", ["layer", "global_id"]).answer == [1, 2, 3, 4, 5]


@integration
def test_a_network_that_fails_ends_it_and_says_why(serve, tmp_path):
    (tmp_path / "net.py").write_text("1 / 0\n")

    code, said = serve("--network", "net.py").ended()

    assert (code, said) == (1, "nest-server: rank 0: net.py: ZeroDivisionError: division by zero\n")


def test_a_token_that_others_may_read_is_refused(tmp_path):
    place = tmp_path / "token"
    place.write_text("x" * 40)
    place.chmod(0o644)
    with pytest.raises(SystemExit, match="others may read it"):
        token_of(place)
    place.chmod(0o600)
    assert token_of(place) == "x" * 40
    place.write_text("short")
    with pytest.raises(SystemExit, match="at least 16"):
        token_of(place)


def test_a_link_is_no_token(tmp_path):
    (tmp_path / "other").write_text("x" * 40)
    (tmp_path / "other").chmod(0o600)
    (tmp_path / "token").symlink_to(tmp_path / "other")
    with pytest.raises(SystemExit, match="others may read it"):
        token_of(tmp_path / "token")


@pytest.mark.parametrize(
    ("environment", "expected"), [({"ESD_JOB_BEGAN": "1000"}, 1060.0), ({"SLURM_JOB_END_TIME": "1500", "ESD_JOB_BEGAN": "1000"}, 1500.0)]
)
def test_the_end_of_the_job(monkeypatch, environment, expected):
    for name in ("SLURM_JOB_END_TIME", "ESD_JOB_BEGAN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert end_of_job(60) == expected


def test_it_warns_before_it_stops():
    limits = Limits(1000.0, 120, 20)
    assert (limits.warning(879.0), limits.due(979.0)) == (None, False)
    assert limits.warning(900.0).endswith("stops in 80 s")
    assert limits.due(980.0)
    assert (Limits(None, 120, 20).warning(1e12), Limits(None, 120, 20).due(1e12)) == (None, False)
