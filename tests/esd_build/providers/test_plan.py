import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from esd_build.building.stage import BuildPlan
from esd_build.data.errors import ConfigError, UsageError
from esd_build.data.project import Project
from esd_build.providers.plan import make_plan


def unbuilt(_image: str, _key: str) -> None:
    return None


def plan(project: Project, packages: Mapping[str, str] | None = None, architecture: str = "x86_64") -> BuildPlan:
    known = unbuilt if packages is None else (lambda _image, _key: packages)
    return make_plan(project, project.recipe("nest"), project.environment("edge"), architecture, known)


def keys(project: Project, packages: Mapping[str, str] | None = None) -> dict[str, str | None]:
    return {stage.name: stage.key for stage in plan(project, packages or {"g++": "14"}).stages}


def changed(before: dict[str, str | None], after: dict[str, str | None]) -> set[str]:
    return {name for name in before if before[name] != after[name]}


def test_stages_in_order(project: Project) -> None:
    found = [(stage.name, stage.kind) for stage in plan(project).stages]
    assert found == [("base", "image"), ("wheels", "download"), ("sources", "download"), ("nest/build", "compile"), ("nest", "image")]
    assert plan(project).file_name == "nest-edge.sif"


def test_keys_wait_for_the_base_to_be_built(project: Project) -> None:
    found = {stage.name: stage.key for stage in plan(project).stages}
    assert found["base"] is not None
    assert found["nest/build"] is None
    assert found["nest"] is None


def test_keys_are_the_same_for_the_same_inputs(project: Project) -> None:
    assert keys(project) == keys(project)
    assert None not in keys(project).values()


@pytest.mark.parametrize(
    ("name", "old", "new", "affected"),
    [
        ("recipes/nest/nest.def", "install ", "install -q ", {"nest"}),
        ("recipes/nest/nest.def", "make ", "make -j2 ", {"nest/build", "nest"}),
        ("recipes/nest/settings.conf", "2", "4", {"nest"}),
        ("recipes/base/base.def", "MirrorURL", "Include: ca\nMirrorURL", {"base", "nest"}),
        ("spack-envs/edge/requirements.txt", "0.13.0", "0.13.1", {"wheels", "nest"}),
        ("spack-envs/edge/sources.txt", "3.10.0", "3.10.1", {"sources", "nest/build", "nest"}),
        ("spack-envs/edge/apt.txt", "python3", "python3 # why", {"base", "nest"}),
        ("spack-envs/edge/release.yaml", "v3", "v4", {"nest/build", "nest"}),
        ("spack-envs/edge/release.yaml", "3.10.0", "3.10.1", {"nest"}),
        ("spack-envs/edge/release.yaml", "evidence: PyPI", "evidence: seen on PyPI", set()),
    ],
)
def test_a_changed_input_changes_what_depends_on_it(project: Project, name: str, old: str, new: str, affected: set[str]) -> None:
    before = keys(project)
    path: Path = project.root / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert changed(before, keys(project)) == affected


def test_a_patch_that_the_compilation_names_compiles_anew(project: Project) -> None:
    recipe = project.root / "recipes/nest/nest.def"
    recipe.write_text(recipe.read_text().replace("make ", "patch < settings.conf; make "))
    before = keys(project)
    (project.root / "recipes/nest/settings.conf").write_text("other\n")
    assert changed(before, keys(project)) == {"nest/build", "nest"}


def test_an_image_on_an_image_is_compiled_with_the_lowest_one_s_packages(project: Project) -> None:
    own = project.root / "recipes/nest-too"
    shutil.copytree(project.root / "recipes/nest", own)
    (own / "nest.def").rename(own / "nest-too.def")
    (own / "image.yaml").write_text((own / "image.yaml").read_text().replace("base: base", "base: nest"))
    found = make_plan(
        project, project.recipe("nest-too"), project.environment("edge"), "x86_64", lambda image, _: {"base": {"g++": "14"}}.get(image)
    )
    assert None not in {stage.name: stage.key for stage in found.stages}.values()


def test_another_compiler_compiles_anew_but_another_package_does_not(project: Project) -> None:
    assert changed(keys(project, {"g++": "14"}), keys(project, {"g++": "15"})) == {"nest/build", "nest"}
    assert changed(keys(project, {"g++": "14", "less": "1"}), keys(project, {"g++": "14", "less": "2"})) == set()


def test_another_architecture_shares_only_downloads(project: Project) -> None:
    here, there = ({s.name: s.key for s in plan(project, {"g++": "14"}, name).stages} for name in ("x86_64", "aarch64"))
    assert changed(here, there) == {"base", "nest/build", "nest"}


def test_tests_beside_the_recipe_do_not_count(project: Project) -> None:
    before = keys(project)
    (project.root / "recipes/nest/test_nest.py").write_text("def test(): ...\n")
    assert changed(before, keys(project)) == set()


def test_argument_without_a_value_is_refused(project: Project) -> None:
    path = project.root / "recipes/nest/nest.def"
    path.write_text(path.read_text() + "    {{ colour }}\n")
    with pytest.raises(ConfigError, match="nothing gives a value for colour"):
        plan(project)


def test_compiler_that_the_base_lacks_is_refused(project: Project) -> None:
    with pytest.raises(ConfigError, match=r"'g\+\+' is not a package of the base image"):
        plan(project, {"gcc": "14"})


def test_provider_that_the_image_lacks_is_refused(project: Project) -> None:
    path = project.root / "recipes/nest/image.yaml"
    path.write_text(path.read_text().replace("[debian]", "[spack]"))
    with pytest.raises(UsageError, match="image 'nest' has no provider 'debian'"):
        plan(project)


def test_names_that_do_not_exist(project: Project) -> None:
    with pytest.raises(UsageError, match=r"unknown image 'nst'; did you mean 'nest'\?"):
        project.recipe("nst")
    with pytest.raises(UsageError, match=r"unknown environment '25\.04'; there is: edge"):
        project.environment("25.04")
    with pytest.raises(UsageError, match="installed by provider 'debian', not by 'spack'"):
        project.environment("edge", "spack")
    with pytest.raises(UsageError, match="is not in one"):
        Project.find(Path("/"))
