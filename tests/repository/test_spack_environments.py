"""All environments that Spack installs, and the overlay repository: a new one is tested by being there. Needs no Spack."""

import ast
import re
from pathlib import Path

import pytest

from esd_build.commands.environments.spack import all_names
from esd_build.data.project import Project
from esd_build.providers.spack.locks import check
from esd_build.providers.spack.locks.environment import FULL, SpackEnvironment

PROJECT = Project(Path(__file__).parents[2])
NAMES = all_names(PROJECT)
RELEASES = [name for name in PROJECT.environment_names if name != "edge"]
SYSTEMS = {"trixie": "debian13", "bookworm": "debian12"}
RECIPES = sorted((PROJECT.root / "spack-envs/spack_repo/esd/packages").glob("*/package.py"))


@pytest.mark.parametrize("name", NAMES)
def test_lock_belongs_to_its_environment(name: str) -> None:
    assert check.problems(SpackEnvironment.find(PROJECT, name)) == ()


@pytest.mark.parametrize("name", NAMES)
def test_everything_is_for_the_target_and_from_a_known_repository(name: str) -> None:
    environment = SpackEnvironment.find(PROJECT, name)
    for package in environment.lock.packages.values():
        assert package.namespace in {"esd", "builtin"}
        assert package.content["arch"]["target"] == environment.release.target, package.name
        assert package.content["arch"]["platform_os"] == SYSTEMS[environment.release.suite], package.name


@pytest.mark.parametrize("name", RELEASES)
def test_a_release_names_no_external_but_the_compiler_and_the_c_library(name: str) -> None:
    externals = {package.name for package in SpackEnvironment.find(PROJECT, name).lock.packages.values() if package.is_external}
    assert externals <= {"gcc", "glibc"}


@pytest.mark.parametrize("name", NAMES)
def test_the_mpi_speaks_pmix_that_is_not_its_own(name: str) -> None:
    for openmpi in SpackEnvironment.find(PROJECT, name).lock.named("openmpi"):
        parameters = openmpi.content["parameters"]
        assert parameters["internal-pmix"] is False
        assert sorted(parameters["fabrics"]) == ["ofi", "ucx"]
        assert parameters["schedulers"] == ["slurm"]


@pytest.mark.parametrize("name", NAMES)
def test_groups_can_be_taken_out_of_the_lock(name: str) -> None:
    environment = SpackEnvironment.find(PROJECT, name)
    for group, specs in environment.groups.items():
        part = environment.lock.group(specs)
        assert set(part.roots) == set(specs)
        assert (len(part.packages) == len(environment.lock.packages)) or group != FULL


@pytest.mark.parametrize("name", RELEASES)
def test_every_pin_of_a_release_says_how_sure_it_is(name: str) -> None:
    assert all(pin.certainty for pin in PROJECT.environment(name).pins.values())


@pytest.mark.parametrize("recipe", RECIPES, ids=[path.parent.name for path in RECIPES])
def test_every_version_has_a_checksum(recipe: Path) -> None:
    versions = [
        node
        for node in ast.walk(ast.parse(recipe.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "version"
    ]
    for version in versions:
        hashes = [str(ast.literal_eval(keyword.value)) for keyword in version.keywords if keyword.arg in {"sha256", "commit"}]
        assert len(hashes) == 1, ast.unparse(version)
        assert re.fullmatch(r"[0-9a-f]{64}|[0-9a-f]{40}", hashes[0]), ast.unparse(version)
