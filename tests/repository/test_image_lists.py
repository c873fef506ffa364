"""What an image has otherwise than the other images of its environment: lists and pins of its own."""

import re
from pathlib import Path

import pytest

from esd_build.data.project import Project

PROJECT = Project(Path(__file__).parents[2])
PINNED = [(name, image) for name in PROJECT.environment_names for image in PROJECT.environment(name).images]
OWN = sorted((path.parents[1].name, path.parent.name) for path in PROJECT.root.glob("spack-envs/*/*/requirements.in"))


@pytest.mark.parametrize(("environment", "image"), OWN)
def test_own_lists_are_of_an_image_and_locked_with_hashes(environment: str, image: str) -> None:
    assert image in PROJECT.recipe_names
    text = PROJECT.environment(environment).of(image).file("requirements.txt").read_text().replace("\\\n", " ")
    requirements = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert requirements
    assert [line for line in requirements if "--hash=sha256:" not in line] == []


@pytest.mark.parametrize(("environment", "image"), PINNED)
def test_own_pins_are_what_is_locked(environment: str, image: str) -> None:
    known = PROJECT.environment(environment).of(image)
    lists = "\n".join(known.file(name).read_text() for name in ("requirements.txt", "sources.txt"))
    locked = dict(re.findall(r"^([a-z0-9_-]+)==([^ \\]+)", lists, re.MULTILINE))
    for name, pin in PROJECT.environment(environment).images[image].pins.items():
        assert locked[name.lower().replace("-", "")] == pin.version, name


def test_the_other_images_keep_the_shared_ones() -> None:
    edge = PROJECT.environment("edge")
    assert edge.of("nest").pins["NESTML"] == edge.pins["NESTML"]
    assert edge.of("spinnaker").pins["NESTML"] != edge.pins["NESTML"]
    assert edge.of("nest").file("requirements.txt") != edge.of("spinnaker").file("requirements.txt")
    assert edge.of("base").file("apt.txt").parent.name == "edge"
