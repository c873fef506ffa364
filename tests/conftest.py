"""Fixtures that several test folders share."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.installed import Installed, install
from tests.real.fixtures import keycloak, machine, real_folder, real_queue  # noqa: F401 - fixtures

from esd_localsite import elevation, lifecycle
from esd_localsite.errors import LocalSiteError
from esd_localsite.parastation import build
from esd_localsite.parastation.places import Places
from esd_localsite.state.layout import Layout
from esd_localsite.state.options import Launcher, Server, SiteOptions, Speed, UserOption
from esd_localsite.state.programs import find_program, require_programs
from esd_localsite.state.status import SiteStatus
from esd_localsite.unicorex.programs.java import find_java, find_maven
from esd_localsite.unicorex.programs.tsi import PINNED


def why_no_local_site() -> str | None:
    """The reason why this machine cannot run a local site; None where it can."""
    try:
        require_programs()
    except LocalSiteError as error:
        return str(error)
    sudo = () if elevation.is_root() else (find_program("sudo"), "-n")
    if None in sudo:
        return "a local site needs root, and there is no sudo"
    probe = (*sudo, "unshare", "--pid", "--fork", "--mount", "--uts", "--net", "true")
    finished = subprocess.run(probe, capture_output=True, text=True, check=False)
    return f"no root or no namespaces: {finished.stderr.strip()}" if finished.returncode else None


@pytest.fixture(scope="session")
def local_site_possible() -> None:
    """Skips, with the reason, where no local site can run."""
    reason = why_no_local_site()
    if reason is not None:
        pytest.skip(reason)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which UNICORE server and which launcher the local sites of this session run: the same tests hold for all."""
    group = parser.getgroup("local site")
    group.addoption("--server", type=Server, choices=list(Server), default=Server.OWN, help="which UNICORE server the local sites run")
    group.addoption(
        "--launcher", type=Launcher, choices=list(Launcher), default=Launcher.SLURMD, help="which daemon starts the ranks on their nodes"
    )
    group.addoption(
        "--psmgmt",
        type=Path,
        default=os.environ.get("ESD_PSMGMT"),
        help="ParaStation Management's source, an archive or a folder; also ESD_PSMGMT",
    )
    group.addoption(
        "--queue-source",
        type=Path,
        default=os.environ.get("ESD_QUEUE_SOURCE"),
        help="the neuromorphic queue's own source, an archive; also ESD_QUEUE_SOURCE",
    )
    group.addoption("--tsi", type=Path, default=os.environ.get("ESD_TSI"), help="UNICORE's TSI, an archive or a folder; also ESD_TSI")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Soaks and their like may take as long as they take."""
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.timeout(0))


def given_tsi(request: pytest.FixtureRequest) -> Path | None:
    """UNICORE's TSI: as given, else the archive beside the checkout. None: it is to be fetched."""
    given: Path | None = request.config.getoption("--tsi")
    beside = sorted(Path(__file__).parents[2].glob("shared/peers/unicore/unicore-tsi-*.tar.gz"))
    return given or next(iter(beside), None)


def given_psmgmt(request: pytest.FixtureRequest) -> Path | None:
    """ParaStation's source: as given, else the archive beside the checkout. None: it is to be fetched."""
    given: Path | None = request.config.getoption("--psmgmt")
    beside = sorted(Path(__file__).parents[2].glob("shared/peers/parastation/psmgmt-*.tar.gz"))
    return given or next(iter(beside), None)


def why_no_parastation(psmgmt: Path | None) -> str | None:
    """The reason why ParaStation cannot be built on this machine; None where it can."""
    try:
        found = build.machine()
    except LocalSiteError as error:
        return str(error)
    if psmgmt or build.is_kept(Places(Layout("any")).store, found):
        return None
    return "no source of ParaStation: give --psmgmt ARCHIVE (or ESD_PSMGMT), or let `local up --launcher parastation` fetch it once"


def why_no_real_server(tsi: Path | None) -> str | None:
    """The reason why this machine cannot run the real UNICORE/X; None where it can."""
    try:
        find_java()
        find_maven()
    except LocalSiteError as error:
        return str(error)
    kept = Layout("any").root / ".unicorex" / f"tsi-{PINNED}"
    return None if tsi or kept.is_dir() else "no TSI: give --tsi ARCHIVE (or ESD_TSI), or let `local up --server unicorex` fetch it once"


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """The built wheel in an environment of its own; called in an empty folder."""
    folder = tmp_path_factory.mktemp("installed")
    if not os.statvfs(folder).f_flag & os.ST_NOEXEC:
        yield install(folder)
        return
    with tempfile.TemporaryDirectory(prefix="esd-installed-", dir="/var/tmp") as other:  # where /tmp lets no program start
        yield install(Path(other))


@pytest.fixture(scope="session")
def real_server(request: pytest.FixtureRequest) -> SiteOptions:
    """The options of a site with the real UNICORE/X. Skips, with the reason, where there can be none."""
    tsi = given_tsi(request)
    reason = why_no_real_server(tsi)
    if reason is not None:
        pytest.skip(reason)
    return SiteOptions(server=Server.UNICOREX, tsi=tsi.absolute() if tsi else None)


@pytest.fixture(scope="session")
def parastation(request: pytest.FixtureRequest) -> SiteOptions:
    """The options of a site with ParaStation's launcher. Skips, with the reason, where there can be none."""
    psmgmt = given_psmgmt(request)
    reason = why_no_parastation(psmgmt)
    if reason is not None:
        pytest.skip(reason)
    return SiteOptions(launcher=Launcher.PARASTATION, psmgmt=psmgmt.absolute() if psmgmt else None)


@pytest.fixture(scope="session")
def site_options(request: pytest.FixtureRequest) -> SiteOptions:
    """The options of the session's local sites: those of `--server` and `--launcher`."""
    config = request.config
    server: SiteOptions = SiteOptions() if config.getoption("--server") is Server.OWN else request.getfixturevalue("real_server")
    launcher: SiteOptions = SiteOptions() if config.getoption("--launcher") is Launcher.SLURMD else request.getfixturevalue("parastation")
    return server.model_copy(update={"launcher": launcher.launcher, "psmgmt": launcher.psmgmt})


@pytest.fixture
def own_server(site_options: SiteOptions) -> None:
    """Skips what only the site's own endpoint can show."""
    if site_options.server is not Server.OWN:
        pytest.skip("a fault or a shortcut of the site's own endpoint")


@pytest.fixture(scope="session")
def real_site(local_site_possible: None, real_server: SiteOptions) -> Iterator[SiteStatus]:
    """A site with the real UNICORE/X, whatever `--server` says; it has a second user, `ada`."""
    name = f"pytest-{os.getpid()}-x"
    wanted = {"speed": Speed.CI, "users": (UserOption(name="ada"),)}
    try:
        yield lifecycle.up(name, options=real_server.model_copy(update=wanted))
    finally:
        lifecycle.down(name, purge=True)


@pytest.fixture(scope="session")
def quick_site(local_site_possible: None) -> Iterator[SiteStatus]:
    """A site with our endpoint, whatever `--server` says; its grace for late exit codes is short."""
    name = f"pytest-{os.getpid()}-own"
    try:
        yield lifecycle.up(name, options=SiteOptions(speed=Speed.CI))
    finally:
        lifecycle.down(name, purge=True)


@pytest.fixture(scope="session", params=list(Server), ids=str)
def either_site(request: pytest.FixtureRequest) -> SiteStatus:
    """One site of each server, one after the other: for tests that always ask both."""
    name = "quick_site" if request.param is Server.OWN else "real_site"
    site: SiteStatus = request.getfixturevalue(name)
    return site


@pytest.fixture(scope="session")
def running_site(local_site_possible: None, site_options: SiteOptions) -> Iterator[SiteStatus]:
    """A local site of this test session's own, up for the whole session; removed without a trace."""
    name = f"pytest-{os.getpid()}"
    try:
        yield lifecycle.up(name, options=site_options)
    finally:
        lifecycle.down(name, purge=True)
