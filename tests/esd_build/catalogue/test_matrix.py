"""Which images can be built, by the data of this checkout."""

import json
from pathlib import Path

import pytest

from esd_build.catalogue import matrix
from esd_build.data.project import Project

PROJECT = Project(Path(__file__).parents[3])


@pytest.fixture(scope="module")
def found() -> tuple[matrix.Buildable, ...]:
    return matrix.buildable(PROJECT)


def test_every_recipe_and_every_environment_takes_part(found: tuple[matrix.Buildable, ...]) -> None:
    assert {one.image for one in found} == set(PROJECT.recipe_names) - {"base", "spack-builder"}
    assert {one.environment.partition("/")[0] for one in found} == set(PROJECT.environment_names)
    assert {(one.environment, one.provider) for one in found if one.image == "nest"} >= {
        ("edge", ""), ("edge/system-trixie", ""), ("25.02", ""), ("25.02", "spack"), ("24.10", ""),
    }  # fmt: skip


def test_each_image_has_a_name_of_its_own_which_make_knows(found: tuple[matrix.Buildable, ...]) -> None:
    assert len({one.name for one in found}) == len(found)
    for one in found:  # as the Makefile makes NAME
        assert one.name == "-".join(filter(None, (one.image, one.environment.replace("/", "-"), one.provider)))


def test_a_push_builds_what_is_quick_and_the_night_everything(found: tuple[matrix.Buildable, ...]) -> None:
    quick = {"arbor-edge", "lab-edge", "nest-arbor-edge", "nest-edge", "nest-server-edge", "spinnaker-edge"}
    assert {one.name for one in matrix.chosen(found, nightly=False)} == quick
    assert matrix.chosen(found, nightly=True) == found


def test_the_pipelines_get_every_image(found: tuple[matrix.Buildable, ...]) -> None:
    names = [one.name for one in found]
    child = json.loads(matrix.gitlab(found, "ci/jobs.yml"))

    assert [row["name"] for row in json.loads(matrix.github(found))["include"]] == names
    assert "\n" not in matrix.github(found)
    assert child["include"] == [{"local": "ci/jobs.yml"}]
    assert [row["ENV"] for row in child[".images"]["parallel"]["matrix"]] == [one.environment for one in found]
