"""Keycloak and the real queue for any test that asks for them: one of each a session, skipped with the reason where they cannot be."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.real import keycloak as keycloaks
from tests.real import postgres as databases
from tests.real.keycloak import Keycloak
from tests.real.machine import Machine
from tests.real.postgres import Postgres
from tests.real.queue import RealQueue, source
from tests.real.tls import Authority


@pytest.fixture(scope="session")
def real_folder() -> Iterator[Path]:
    """Where the servers lie. Not among pytest's folders: an account without rights must get in, and into those it may not."""
    with tempfile.TemporaryDirectory(prefix="esd-real-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="session")
def keycloak(real_folder: Path) -> Iterator[Keycloak]:
    """A running Keycloak."""
    reason = keycloaks.why_not()
    if reason:
        pytest.skip(reason)
    for name in ("tls", "keycloak"):
        (real_folder / name).mkdir()
    server = Keycloak(real_folder / "keycloak", Authority(real_folder / "tls"))
    try:
        server.start()
        yield server
    finally:
        server.stop()
        server.web.close()


@pytest.fixture(scope="session")
def real_queue(request: pytest.FixtureRequest, real_folder: Path) -> Iterator[RealQueue]:
    """The real queue, with nothing that runs its jobs."""
    archive, reason = source(request.config.getoption("--queue-source")), databases.why_not()
    if archive is None or reason:
        pytest.skip(reason or "name the archive of the queue's source with --queue-source FILE")
    issuer: Keycloak = request.getfixturevalue("keycloak")
    for name in ("postgres", "queue"):
        (real_folder / name).mkdir()
    database = Postgres(real_folder / "postgres")
    queue = RealQueue(real_folder / "queue", archive, issuer, database)
    try:
        database.server.start()
        queue.server.start()
        yield queue
    finally:
        for server in (queue.server, database.server):
            server.stop()
        queue.web.close()


@pytest.fixture(scope="module")
def machine(real_queue: RealQueue, real_folder: Path) -> Iterator[Machine]:
    """Runs the real queue's jobs with this machine's Python. Of one module: while unit tests run, no program may start."""
    folder = Path(tempfile.mkdtemp(prefix="machine-", dir=real_folder))
    folder.chmod(0o755)
    one = Machine(real_queue, folder)
    one.start()
    yield one
    one.stop()
