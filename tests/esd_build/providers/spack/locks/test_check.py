from pathlib import Path

import pytest

from esd_build.data.errors import ConfigError, UsageError
from esd_build.data.project import Project
from esd_build.providers.spack.locks.check import is_version, problems
from esd_build.providers.spack.locks.environment import SpackEnvironment, pins_text


def found(project: Project) -> tuple[str, ...]:
    return problems(SpackEnvironment.find(project, "25.04"))


def change(project: Project, name: str, old: str, new: str) -> None:
    path: Path = project.root / "spack-envs" / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_a_lock_that_belongs_to_its_environment(release: Project) -> None:
    assert found(release) == ()


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        ("25.04/spack.yaml", "[arbor]", "[neuron]", "25.04/spack.yaml asks for neuron, which the lock does not have"),
        ("25.04/spack.yaml", "specs: [$nest, $arbor]", "specs: [$nest]", "the lock has arbor, which 25.04/spack.yaml does not ask for"),
        ("25.04/release.yaml", '"3.8" ', '"3.9" ', "25.04/pins.yaml does not say what 25.04/release.yaml says"),
        ("25.04/release.yaml", '"3.8" ', '"3.9" ', "NEST is pinned to 3.9, the lock has 3.8"),
        ("25.04/pins.yaml", "@3.8", "@3.9", "25.04/pins.yaml has changed since the lock was made"),
        ("common/packages.yaml", "v3", "v4", "common/packages.yaml has changed since the lock was made"),
        ("common/tools.yaml", "a" * 40, "c" * 40, "the lock was made with Spack v1, common/tools.yaml says v1"),
        ("spack_repo/esd/packages/nest/package.py", "...", "pass", "spack_repo/esd/packages/nest/package.py has changed since the lock"),
    ],
)
def test_what_no_longer_fits_is_said(release: Project, name: str, old: str, new: str, expected: str) -> None:
    change(release, name, old, new)
    assert any(problem.startswith(expected) for problem in found(release)), found(release)


def test_a_recipe_that_the_lock_does_not_use_does_not_count(release: Project) -> None:
    change(release, "spack_repo/esd/packages/py_unused/package.py", "...", "pass")
    assert found(release) == ()


def test_an_environment_without_a_lock(release: Project) -> None:
    (release.root / "spack-envs/25.04/spack.lock").unlink()
    assert found(release) == ("it has no lock yet; `make spack-lock` makes it",)


def test_new_configuration_counts(release: Project) -> None:
    (release.root / "spack-envs/common/config.yaml").write_text("config: {}\n")
    assert found(release) == ("common/config.yaml did not exist when the lock was made",)


def test_an_included_file_that_is_not_there(release: Project) -> None:
    (release.root / "spack-envs/25.04/pins.yaml").unlink()
    with pytest.raises(ConfigError, match=r"pins\.yaml: no such file; a spack\.yaml includes it"):
        found(release)


def test_a_definition_that_is_not_there(release: Project) -> None:
    change(release, "25.04/spack.yaml", "specs: [$nest, $arbor]", "specs: [$nets]")
    with pytest.raises(ConfigError, match=r"\$nets is not among the definitions; did you mean 'nest'\?"):
        found(release)


def test_pins_become_requirements(release: Project) -> None:
    assert pins_text(release.environment("25.04")) == (release.root / "spack-envs/25.04/pins.yaml").read_text()


@pytest.mark.parametrize(
    ("version", "pinned", "same"),
    [("3.8", "3.8", True), ("3.11.14", "3.11", True), ("3.110", "3.11", False), ("3.8", "3.8.1", False), ("25-05-1", "25", True)],
)
def test_a_series_holds_its_versions(version: str, pinned: str, same: bool) -> None:
    assert is_version(version, pinned) is same


def test_names_that_do_not_exist(release: Project) -> None:
    with pytest.raises(UsageError, match=r"unknown Spack environment '25\.05'; did you mean '25\.04'\?"):
        SpackEnvironment.find(release, "25.05")
    with pytest.raises(UsageError, match=r"unknown group of 25\.04 'nests'; did you mean 'nest'\?"):
        SpackEnvironment.find(release, "25.04").group("nests")
