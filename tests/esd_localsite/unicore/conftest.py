"""A real endpoint on loopback: its own process, TLS from trustme, profile nobatch, driven by the unmodified pyunicore."""

import asyncio
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
import pytest
import trustme
from pyunicore.client import Client, Job, Transport
from pyunicore.credentials import UsernamePassword

from esd_localsite.description.config import EndpointConfig
from esd_localsite.front.server import create_app
from esd_localsite.identity.users import UserEntry
from esd_localsite.unicore.endpoint import Endpoint

USER, PASSWORD = "esd", "geheim"
OTHER = ("other", "auch geheim")
ACCOUNTS = {"other": "nobody"}
TIMES = {"poll_seconds": 0.05, "grace_seconds": 0.3, "kill_seconds": 1.0, "submit_attempts": 2, "submit_retry_seconds": 0.1}


@dataclass
class EndpointProcess:
    """One endpoint; `start` and `stop` may alternate, the jobs go on."""

    folder: Path
    port: int
    process: subprocess.Popen | None = None
    log: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/LOCAL/rest/core"

    @property
    def verify(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.folder / "ca.pem"))

    def start(self) -> None:
        command = (sys.executable, "-m", "esd_localsite.front", "--config", str(self.folder / "config.json"))
        groups = [0] if os.geteuid() == 0 else None  # as after a login: root is in root's group, and jobs must not be
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, extra_groups=groups)
        for line in self.process.stderr:
            self.log.append(line)
            if "Uvicorn running" in line:
                break
        else:
            pytest.fail("the endpoint did not start:\n" + "".join(self.log))
        self._drain = threading.Thread(target=self.log.extend, args=(self.process.stderr,))
        self._drain.start()

    def stop(self) -> None:
        self.process.terminate()
        self._wait()

    def crash(self) -> None:
        self.process.kill()
        self._wait()

    def _wait(self) -> None:
        self.process.wait(timeout=15)
        self._drain.join(timeout=15)
        self.process.stderr.close()

    def transport(self, password: str = PASSWORD) -> Transport:
        return Transport(UsernamePassword(USER, password), verify=self.verify)

    def client(self) -> Client:
        return Client(self.transport(), self.url)


class InProcess:
    """Sends requests to an application in this process (Starlette's own TestClient wants httpx2)."""

    def __init__(self, app, begin) -> None:
        """`begin`: what the engine's thread would do with new jobs."""
        self.begin = begin
        self._transport = httpx.ASGITransport(app)
        self.get, self.put, self.post = (partial(self._request, method) for method in ("GET", "PUT", "POST"))

    def _request(self, method: str, path: str, **options) -> httpx.Response:
        return asyncio.run(self._send(method, path, {"auth": (USER, PASSWORD), **options}))

    def send(self, method: str, path: str, **options) -> httpx.Response:
        """A request of any kind."""
        return self._request(method, path, **options)

    async def _send(self, method: str, path: str, options: dict) -> httpx.Response:
        async with httpx.AsyncClient(transport=self._transport, base_url="https://127.0.0.1/LOCAL/rest/core/") as client:
            return await client.request(method, path, **options)


def write_setting(folder: Path, port: int, **changes: object) -> Path:
    """Certificates, users and configuration of one endpoint."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    for part in certificate.cert_chain_pems:
        part.write_to_path(folder / "cert.pem", append=True)
    users = {name: UserEntry.of(password, ACCOUNTS.get(name, "esd")).model_dump() for name, password in ((USER, PASSWORD), OTHER)}
    (folder / "users.json").write_text(json.dumps(users))
    (folder / "home").mkdir()  # a job's login shell reads what it finds in HOME: nothing of this machine's user
    config = {
        "site_name": "LOCAL",
        "port": port,
        "certificate": str(folder / "cert.pem"),
        "private_key": str(folder / "key.pem"),
        "users_file": str(folder / "users.json"),
        "state_dir": str(folder / "state"),
        "uspace_dir": str(folder / "uspace"),
        "environment": {"SCRATCH": str(folder / "scratch"), "HOME": str(folder / "home")},
        "login_environment": {"ON_LOGIN_NODE": "yes"},
        "slurm_conf": None,
        "profile": "nobatch",
        "times": TIMES,
        "partitions": {"batch": {"max_nodes": 2, "max_runtime_s": 3600}},
        **changes,
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder / "config.json"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _running(folder: Path, **changes: object) -> Iterator[EndpointProcess]:
    endpoint = EndpointProcess(folder, free_port())
    write_setting(folder, endpoint.port, **changes)
    endpoint.start()
    yield endpoint
    for job in endpoint.client().get_jobs():
        job.delete()  # a failed test may have left it running
    endpoint.stop()


@pytest.fixture(scope="session")
def start_endpoint():
    """For `yield from`: an endpoint in a folder, with settings of its own."""
    return _running


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    yield from _running(tmp_path_factory.mktemp("endpoint"))


@pytest.fixture(scope="session")
def wait():
    """Watch a job until it is in one of the states; pyunicore's own poll looks every two seconds at most."""

    def watch(job: Job, *states: str, seconds: float = 20.0) -> Job:
        job.cache_time, pause, end = 0, threading.Event(), time.monotonic() + seconds
        while (status := job.properties["status"]) not in states:
            assert time.monotonic() < end, (status, job.log)
            pause.wait(0.02)
        return job

    return watch


@pytest.fixture(scope="session")
def finish(wait):
    return lambda job, seconds=20.0: wait(job, "SUCCESSFUL", "FAILED", seconds=seconds)


@pytest.fixture(scope="session")
def read():
    """A text file of a job's working directory."""
    return lambda job, name: job.working_dir.stat(name).read().decode()


@pytest.fixture
def http(tmp_path):
    """The application in this process, without its job engine's thread."""
    endpoint = Endpoint.build(EndpointConfig.read(write_setting(tmp_path, 1)))
    return InProcess(create_app(endpoint), endpoint.engine.begin)


@pytest.fixture
def other_user():
    """Name and password of a second user."""
    return OTHER


@pytest.fixture
def client(endpoint):
    return endpoint.client()
