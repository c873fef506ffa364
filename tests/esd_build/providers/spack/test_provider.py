import json
from pathlib import Path

import pytest

from esd_build.building.stage import BuildPlan
from esd_build.data.errors import ConfigError, UsageError
from esd_build.data.project import Project
from esd_build.providers.plan import make_plan
from esd_build.providers.spack import provider


def plan(project: Project, image: str = "nest") -> BuildPlan:
    environment = project.environment("25.04")
    return make_plan(project, project.recipe(image), environment, "x86_64", lambda _image, _key: {})


def keys(project: Project) -> dict[str, str | None]:
    return {stage.name: stage.key for stage in plan(project).stages}


def test_stages_in_order(release: Project) -> None:
    found = [(stage.name, stage.kind) for stage in plan(release).stages]
    assert found == [
        ("base", "image"),
        ("spack-builder", "image"),
        ("spack-sources", "download"),
        ("nest/build", "compile"),
        ("nest", "image"),
    ]
    assert plan(release).file_name == "nest-25.04.sif"
    assert None not in keys(release).values()


def test_what_another_group_needs_changes_nothing(release: Project) -> None:
    before = keys(release)
    path = release.root / "spack-envs/25.04/spack.lock"
    content = json.loads(path.read_text())
    next(spec for spec in content["concrete_specs"].values() if spec["name"] == "arbor")["version"] = "0.10.0"
    path.write_text(json.dumps(content))
    assert keys(release) == before


def test_what_the_group_needs_builds_it_anew(release: Project) -> None:
    before = keys(release)
    path = release.root / "spack-envs/25.04/spack.lock"
    path.write_text(path.read_text().replace("py-wheel-recipe", "another recipe"))
    after = keys(release)
    assert {name for name in before if before[name] != after[name]} == {"spack-sources", "nest/build", "nest"}


def test_a_stale_lock_is_not_built(release: Project) -> None:
    path = release.root / "spack-envs/25.04/spack.yaml"
    path.write_text(path.read_text().replace("[arbor]", "[arbor, neuron]"))
    with pytest.raises(ConfigError, match=r"(?s)does not belong to its environment:.*asks for neuron.*make spack-lock ENV=25\.04"):
        plan(release)


def test_the_build_folder_holds_the_group_and_nothing_to_concretize(release: Project) -> None:
    files = provider.files(release, release.recipe("nest"), release.environment("25.04"))
    assert json.loads(files["environment/group/spack.lock"])["roots"] == [
        {"hash": "n" * 32, "spec": "nest"},
        {"hash": "y" * 32, "spec": "py-pynn"},
    ]
    assert files["environment/group/spack.yaml"] == (
        "spack:\n  include:\n    - ../common\n  specs:\n    - nest\n    - py-pynn\n"
        "  view:\n    default:\n      root: /opt/esd/view\n      link: run\n      link_type: symlink\n"
    )
    assert files["environment/scope/repos.yaml"] == (
        f"repos:\n  esd: /opt/esd/environment/spack_repo/esd\n  builtin: /media/{'b' * 40}/repos/spack_repo/builtin\n"
    )
    assert files["externals.txt"] == ""


def test_labels_say_what_the_lock_says_of_the_mpi_else_what_the_release_pins(release: Project) -> None:
    path = release.root / "spack-envs/25.04/release.yaml"
    path.write_text(path.read_text() + '  Open MPI: {version: 5.0.5, evidence: "external, of the base image"}\n')
    found = provider.arguments(release, release.recipe("nest"), release.environment("25.04"))
    assert (found["mpi"], found["pmix"], found["spack_commit"]) == ("5.0.5", "none", "a" * 40)


def test_a_variant_has_its_own_lock_and_its_name_in_the_file(release: Project) -> None:
    root = release.root / "spack-envs/25.04"
    (root / "system").mkdir()
    for name in ("spack.lock", "concretized.yaml"):
        (root / "system" / name).write_text((root / name).read_text().replace("25.04/spack.yaml", "25.04/system/spack.yaml"))
    asked = (root / "spack.yaml").read_text().replace("pins.yaml, ../common", "../pins.yaml, ../../common")
    (root / "system" / "spack.yaml").write_text(asked)
    (root / "system" / "apt.txt").write_text("python3-numpy\n")
    environment = release.environment("25.04/system")
    assert (environment.name, environment.label, environment.provider) == ("25.04", "25.04-system", "spack")
    assert provider.files(release, release.recipe("nest"), environment)["externals.txt"] == "python3-numpy\n"
    with pytest.raises(UsageError, match=r"unknown variant of environment 25\.04 'sytem'; did you mean 'system'\?"):
        release.environment("25.04/sytem")


def test_the_other_provider_of_an_environment_shows_in_the_file_name(release: Project) -> None:
    path: Path = release.root / "spack-envs/25.04/release.yaml"
    path.write_text(path.read_text().replace("provider: spack", "provider: debian"))
    assert release.environment("25.04").label == "25.04"
    assert release.environment("25.04", "spack").label == "25.04-spack"
