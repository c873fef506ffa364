"""The contract: what a UNICORE endpoint answers. Ours is asked always, a real server where its status file is named."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.jobs import Probes
from tests.contract.web import Place, Web

from esd_localsite.state.options import Server
from esd_localsite.state.status import SiteStatus

OURS, THEIRS = "own", "unicorex"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which other server is asked."""
    group = parser.getgroup("contract")
    group.addoption(
        "--unicore-status", type=Path, help="status file of a real UNICORE server (unicore_url, ca_file, username, password_file)"
    )
    group.addoption("--java-client", type=Path, help="JavaClient.java, which goes through the steps of UNICORE's Java client library")
    group.addoption("--java-jars", type=Path, help="the folder with UNICORE/X's jars, the library among them")
    group.addoption("--write-queue-answers", type=Path, help="write what the real neuromorphic queue answers into this file")
    group.addoption("--write-answers", type=Path, help="write what the real server answers into this file")


@pytest.fixture(scope="session", params=[OURS, THEIRS])
def server(request: pytest.FixtureRequest) -> str:
    """Which of the two."""
    if request.param == THEIRS and not (
        request.config.getoption("--unicore-status") or request.config.getoption("--server") is Server.UNICOREX
    ):
        pytest.skip("its recorded answers are compared; --server unicorex asks it again, --unicore-status FILE asks another one")
    return request.param


def place_of(site: SiteStatus) -> Place:
    """A local site, as the questions see it."""
    assert site.unicore_url
    return Place(site.unicore_url, site.ca_file, site.username, site.password_file.read_text().strip())


@pytest.fixture(scope="session")
def web(request: pytest.FixtureRequest, server: str) -> Iterator[Web]:
    """Asks it."""
    status = request.config.getoption("--unicore-status")
    if server == THEIRS and status is not None:
        asked = Web(Place.of(status))
    else:
        asked = Web(place_of(request.getfixturevalue("real_site" if server == THEIRS else "quick_site")))
    with asked.known, asked.anonymous:
        yield asked


@pytest.fixture(scope="session")
def job_probes(web: Web) -> Iterator[Probes]:
    """All jobs of the contract, submitted at once: a real server takes minutes for some of them."""
    probes = Probes(web)
    probes.start()
    yield probes
    probes.stop()
