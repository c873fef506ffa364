"""Other people's clients, unmodified, against a local site."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.contract.conftest import place_of
from tests.contract.web import Place, Web

from esd_localsite.state.status import SiteStatus

CURRENT, BEFORE = "pyunicore==2.0.2", "pyunicore==1.3.7"
TIMEOUT_S = 900


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where the foreign tests are: they are not ours to keep here."""
    parser.addoption("--pyunicore-tests", type=Path, help="a checkout of pyunicore: its tests/integration are run")
    parser.addoption("--spynnaker", type=Path, help="a virtual environment outside the checkout with sPyNNaker: its bin/python is run")
    parser.addoption("--nmpi-client", type=Path, help="a folder that the package hbp-neuromorphic-platform was installed into")


Environments = Callable[[str], Path]


@pytest.fixture(scope="session")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Environments:
    """A Python with one package from the index and what that needs, nothing else. Skips where it cannot be had."""
    made: dict[str, Path] = {}

    def environment(package: str) -> Path:
        if package not in made:
            folder = tmp_path_factory.mktemp("client")
            subprocess.run((sys.executable, "-m", "venv", "--without-pip", str(folder)), check=True)
            pip = (
                sys.executable,
                "-m",
                "pip",
                "--python",
                str(folder / "bin" / "python"),
                "install",
                "--quiet",
                "--disable-pip-version-check",
            )
            done = subprocess.run((*pip, package), capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
            if done.returncode:
                pytest.skip(f"{package} cannot be installed here: {done.stderr.strip().splitlines()[-1:]}")
            made[package] = folder / "bin"
        return made[package]

    return environment


@pytest.fixture
def place(either_site: SiteStatus) -> Place:
    return place_of(either_site)


@pytest.fixture
def web(place: Place) -> Iterator[Web]:
    asked = Web(place)
    with asked.known, asked.anonymous:
        yield asked


@pytest.fixture
def variables(place: Place, tmp_path: Path) -> dict[str, str]:
    """A user who trusts the site's authority and has nothing else."""
    trusts = dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), str(place.ca_file))
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", **trusts}
