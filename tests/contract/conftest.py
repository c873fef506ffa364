"""The contract: what a UNICORE endpoint answers. Ours is asked always, a real server where its status file is named."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.jobs import Probes
from tests.contract.web import Place, Web

from esd_localsite import lifecycle
from esd_localsite.state.options import SiteOptions, Speed
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
    group.addoption("--write-answers", type=Path, help="write what the real server answers into this file")


@pytest.fixture(scope="session", params=[OURS, THEIRS])
def server(request: pytest.FixtureRequest) -> str:
    """Which of the two."""
    if request.param == THEIRS and request.config.getoption("--unicore-status") is None:
        pytest.skip("name a real UNICORE server with --unicore-status FILE (`esd-deploy local status` of one shows it)")
    return request.param


@pytest.fixture(scope="session")
def quick_site(local_site_possible: None) -> Iterator[SiteStatus]:
    """A local site with our endpoint, whose grace for late exit codes is short."""
    name = f"pytest-{os.getpid()}-contract"
    try:
        yield lifecycle.up(name, options=SiteOptions(speed=Speed.CI))
    finally:
        lifecycle.down(name, purge=True)


@pytest.fixture(scope="session")
def web(request: pytest.FixtureRequest, server: str) -> Iterator[Web]:
    """Asks it."""
    if server == THEIRS:
        asked = Web(Place.of(request.config.getoption("--unicore-status")))
    else:
        site = request.getfixturevalue("quick_site")
        asked = Web(Place(site.unicore_url, site.ca_file, site.username, site.password_file.read_text().strip()))
    with asked.known, asked.anonymous:
        yield asked


@pytest.fixture(scope="session")
def job_probes(web: Web) -> Iterator[Probes]:
    """All jobs of the contract, submitted at once: a real server takes minutes for some of them."""
    probes = Probes(web)
    probes.start()
    yield probes
    probes.stop()
