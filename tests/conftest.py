"""Fixtures that several test folders share."""

import os
import subprocess
from collections.abc import Iterator

import pytest
from tests.installed import Installed, install

from esd_localsite import elevation, lifecycle
from esd_localsite.errors import LocalSiteError
from esd_localsite.state.programs import find_program, require_programs
from esd_localsite.state.status import SiteStatus


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


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The built wheel in an environment of its own; called in an empty folder."""
    return install(tmp_path_factory.mktemp("installed"))


@pytest.fixture(scope="session")
def running_site(local_site_possible: None) -> Iterator[SiteStatus]:
    """A local site of this test session's own, up for the whole session; removed without a trace."""
    name = f"pytest-{os.getpid()}"
    try:
        yield lifecycle.up(name)
    finally:
        lifecycle.down(name, purge=True)
