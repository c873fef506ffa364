"""A registry for the folder's tests, and a proxy in front of it that can be told to fail."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.esd_build.registry.proxy import FaultProxy
from tests.esd_build.registry.servers import AVAILABLE, Place, RegistryServer, running_registry

MB = 1024**2


@pytest.fixture(autouse=True)
def anonymous(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the tester's own accounts, and chunks small enough for quick tests."""
    for name in ("ESD_REGISTRY_LOGIN", "ESD_REGISTRY_USER", "ESD_REGISTRY_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ESD_REGISTRY_CHUNK_MB", "1")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    if not AVAILABLE:
        pytest.skip("docker-registry is not installed: `make setup`")
    with running_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def place(server: RegistryServer, tmp_path: Path) -> Place:
    """The registry itself."""
    return Place(server.host, server.tls.ca_file, tmp_path / "unfinished")


@pytest.fixture
def start(server: RegistryServer) -> Iterator[Callable[[FaultProxy], FaultProxy]]:
    """Starts proxies that end with the test."""
    with ExitStack() as stack:
        yield lambda proxy: stack.enter_context(proxy.running(server.tls))


@pytest.fixture
def proxy(server: RegistryServer, start: Callable[[FaultProxy], FaultProxy]) -> FaultProxy:
    return start(FaultProxy(server))


@pytest.fixture
def through(proxy: FaultProxy, server: RegistryServer, tmp_path: Path) -> Place:
    """The registry behind the proxy."""
    return Place(proxy.host, server.tls.ca_file, tmp_path / "unfinished")


@pytest.fixture
def sif(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Three and a half chunks that no other test has pushed."""
    path = tmp_path / "nest-edge.sif"
    start = f"#!/usr/bin/env run-singularity\n{request.node.nodeid}{tmp_path}".encode()
    path.write_bytes(start.ljust(1024) + bytes(range(256)) * 14330)
    return path
