"""With the real Spack, in the real builder image: minutes, so only with `-m long`; needs the pinned commits of Spack and its packages."""

from pathlib import Path

import pytest

from esd_build.commands.environments.spack import all_names
from esd_build.data.errors import ConfigError
from esd_build.data.project import Pin, Project
from esd_build.providers.spack.concretize import concretize
from esd_build.providers.spack.locks.environment import SpackEnvironment
from esd_build.providers.spack.sources import mirror as sources
from esd_build.providers.spack.workshop.tool import Spack

pytestmark = [pytest.mark.long, pytest.mark.integration]
PROJECT = Project(Path(__file__).parents[4])


@pytest.mark.parametrize("name", all_names(PROJECT))
def test_the_committed_lock_comes_out_again(spack: Spack, name: str) -> None:
    assert concretize(spack, SpackEnvironment.find(PROJECT, name)).changes == ()


def test_a_pin_that_cannot_be_had_is_named(spack: Spack) -> None:
    environment = SpackEnvironment.find(PROJECT, "edge/system-trixie")
    pins = {**environment.release.pins, "NEST": Pin(version="3.10.99", evidence="invented", package="nest")}
    wrong = SpackEnvironment(PROJECT, environment.name, environment.release.model_copy(update={"pins": pins}))
    with pytest.raises(ConfigError, match=r"NEST is pinned to 3\.10\.99 \(nest; invented\)"):
        concretize(spack, wrong)


def test_every_source_has_a_checksum_or_is_a_commit(spack: Spack) -> None:
    listed = sources.listed(spack, "edge/system-trixie")
    assert len(listed) > 30
    assert [source for source in listed if source.url and not source.sha256] == []


def test_spack_finds_nothing_wrong_with_the_overlay(spack: Spack) -> None:
    names = [path.name.replace("_", "-") for path in (spack.environments / "spack_repo/esd/packages").iterdir()]
    assert spack("audit", "packages", *(f"esd.{name}" for name in names)).returncode == 0
