"""The whole path for real: a local site of the session's own, the image in its registry, and the commands as a user calls them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from esd_build.data.reference import ImageReference
from esd_build.product import finished
from esd_build.registry import Credentials, PublishedImage, Registry
from esd_deploy.errands.image_contents import BILL_TYPE
from esd_localsite import lifecycle
from esd_localsite.state.options import Launcher, SiteOptions
from esd_localsite.state.status import SiteStatus

ROOT = Path(__file__).parents[2]


def pytest_addoption(parser: pytest.Parser) -> None:
    """`pytest tests/sites --site=S --image=I` is `esd-deploy validate`, for those who prefer pytest."""
    group = parser.getgroup("validation")
    group.addoption("--site", help="a site to validate, by name or YAML file; default: a local site of the session's own")
    group.addoption("--image", default="nest:edge", help="the image to validate there")
    group.addoption("--suite", choices=("quick", "full"), help="default: quick on the local site, full on one that is named")


_ENVIRONMENT = {Launcher.SLURMD: {}, Launcher.PARASTATION: {"PMIX_MCA_gds": "hash", "PSPMIX_ENV_TMOUT": "60"}}
"""pspmix's store in shared memory fails here; a rank has 3 s to learn its PMIx server, which a busy machine exceeds."""


def mpi_name(launcher: Launcher) -> str:
    """What `mpi` says in the file of a local site."""
    return "pspmix" if launcher is Launcher.PARASTATION else "pmix"


def mpi_lines(launcher: Launcher, **environment: str) -> tuple[str, ...]:
    """The lines of a local site's file that MPI needs, with further variables of the jobs."""
    said = {**_ENVIRONMENT[launcher], **environment}
    return (f"mpi: {mpi_name(launcher)}", *([f"environment: {json.dumps(said)}"] if said else []))


EXAMPLE = ROOT / "examples" / "balanced_network" / "balanced_network.py"


@dataclass(frozen=True)
class Deploy:
    """esd-deploy, as it is typed; runs are kept in a folder of the test session."""

    site_file: Path
    runs: Path

    def command(self, *arguments: str) -> list[str]:
        return [str(Path(sys.executable).with_name("esd-deploy")), *arguments]

    def __call__(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        finished = subprocess.run(self.command(*arguments), cwd=self.runs, capture_output=True, text=True, check=False)
        assert finished.returncode == code, finished.stdout + finished.stderr
        return finished

    def run(self, script: Path, *options: str, code: int = 0) -> dict[str, Any]:
        """`esd-deploy run … --json`: the record."""
        return json.loads(self("run", str(script), "--site", str(self.site_file), "--json", *options, code=code).stdout)

    def validate(self, *options: str, code: int | None = None) -> str:
        """`esd-deploy validate …`: what it printed; a verdict is no error unless one is expected."""
        finished = subprocess.run(self.command("validate", *options), cwd=self.runs, capture_output=True, text=True, check=False)
        assert finished.returncode in ({0, 1} if code is None else {code}), finished.stdout + finished.stderr
        return finished.stdout

    def last_validation(self) -> dict[str, Any]:
        """The report of the newest validation."""
        return json.loads(max(self.runs.glob("runs/validations/*/validation.json"), key=lambda path: path.stat().st_mtime).read_text())

    def folder(self, record: dict[str, Any]) -> Path:
        return self.runs / "runs" / record["id"]

    @classmethod
    def at(cls, site: SiteStatus, folder: Path) -> "Deploy":
        """For a local site: its configuration is the standard one, with its own status file."""
        site_file = folder / "here.yaml"
        standard = (ROOT / "site-configs" / "local.yaml").read_text()
        here = standard.replace("/esd-localsite/local/", f"/esd-localsite/{site.name}/")
        site_file.write_text(here.replace("mpi: pmix\n", "".join(f"{line}\n" for line in mpi_lines(site.launcher))))
        return cls(site_file, folder)


@pytest.fixture(scope="session")
def registry(running_site: SiteStatus) -> Registry:
    return registry_of(running_site)


def registry_of(site: SiteStatus) -> Registry:
    """The site's registry, with the account that may push."""
    assert site.registry
    assert site.registry_login_file
    return Registry(site.registry, ca_file=site.ca_file, credentials=Credentials.read(site.registry_login_file))


@pytest.fixture(scope="session")
def published(running_site: SiteStatus, registry: Registry, image: Path) -> PublishedImage:
    """The NEST image, pushed to the site's registry as `esd-build push` does it."""
    return publish(registry, image)


def publish(registry: Registry, image: Path) -> PublishedImage:
    """Push it as `nest:edge`."""
    return registry.push(image, ImageReference.parse(f"{registry.host}/esd/nest:edge"), finished.read(image).labels)


@pytest.fixture(scope="session")
def with_bill(published: PublishedImage, registry: Registry, image: Path) -> PublishedImage:
    """The image, with the bill of materials that `esd-build push` attaches."""
    bill = image.with_suffix(".cdx.json")
    if not bill.is_file():
        pytest.skip(f"no {bill.name} beside the image: `make image` writes it")
    registry.attach(published.reference, BILL_TYPE, bill)
    return published


@pytest.fixture(scope="session")
def deploy(running_site: SiteStatus, tmp_path_factory: pytest.TempPathFactory) -> Deploy:
    return Deploy.at(running_site, tmp_path_factory.mktemp("deploy"))


@pytest.fixture(scope="session")
def offer(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[SiteStatus], Deploy]:
    """The commands at another local site, after the NEST image was pushed to its registry."""

    def deploy_at(site: SiteStatus) -> Deploy:
        publish(registry_of(site), image)
        return Deploy.at(site, tmp_path_factory.mktemp(site.name))

    return deploy_at


@pytest.fixture(scope="session")
def deploy_to(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Deploy, str]:
    """The commands, and the site to validate: the one that was named, else the session's own with the image in its registry."""
    named = request.config.getoption("--site", None)
    if named:
        file = Path(named)
        return Deploy(file, tmp_path_factory.mktemp("validate")), str(file.resolve()) if file.is_file() else named
    request.getfixturevalue("published")
    deploy = request.getfixturevalue("deploy")
    return deploy, str(deploy.site_file)


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a script of the given text."""

    def make(text: str) -> Path:
        path = tmp_path / "script.py"
        path.write_text(text)
        return path

    return make


@pytest.fixture(scope="session")
def as_root() -> None:
    """Skips where the site's own files cannot be touched."""
    if os.geteuid() != 0:
        pytest.skip("needs root: the test damages a file of the site's registry")


SITES = {"one": "ESD/25.04", "two": "ESD/24.10"}
"""Two sites whose modules differ."""


@pytest.fixture(scope="module")
def two_sites(
    local_site_possible: None, site_options: SiteOptions, image: Path, deploy: Deploy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A folder with the site files of two sites that are up, each with a module of its own and the image in its registry."""
    folder, names = tmp_path_factory.mktemp("sites"), {word: f"pytest-{os.getpid()}-{word}" for word in SITES}
    try:
        for word, name in names.items():
            publish(registry_of(lifecycle.up(name, options=site_options)), image)
            deploy("local", "module", SITES[word], "--name", name, "--image", str(image))
            lines = (
                "kind: unicore",
                f"description: site {word}",
                f"status_file: /var/lib/esd-localsite/{name}/status.json",
                *mpi_lines(site_options.launcher),
                "binds: [/tmp]",
                f"modules: [{SITES[word]}]",
                "limits: {nodes: 2, time_s: 3600}",
                "poll_s: 1",
            )
            (folder / f"{word}.yaml").write_text("\n".join(lines) + "\n")
        yield folder
    finally:
        for name in names.values():
            lifecycle.down(name, purge=True)
