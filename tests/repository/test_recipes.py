"""All recipes and environments of the repository: a new image or environment is tested by being there."""

import re
from pathlib import Path

import pytest

from esd_build.building.definition import Definition
from esd_build.data.project import Environment, Project
from esd_build.providers.plan import make_plan

PROJECT = Project(Path(__file__).parents[2])
ENVIRONMENTS = PROJECT.environment_names
DEBIAN = [name for name in ENVIRONMENTS if PROJECT.environment(name).provider == "debian"]
PAIRS = [
    (image, name)
    for image in PROJECT.recipe_names
    for name in ENVIRONMENTS
    if PROJECT.environment(name).provider in PROJECT.recipe(image).providers
]


@pytest.mark.parametrize(("image", "environment"), PAIRS)
def test_can_be_planned(image: str, environment: str) -> None:
    plan = make_plan(PROJECT, PROJECT.recipe(image), PROJECT.environment(environment), "x86_64", lambda _image, _key: None)
    assert plan.image.name == image


@pytest.mark.parametrize("image", PROJECT.recipe_names)
def test_definition_works_for_plain_apptainer_build(image: str) -> None:
    """Every argument has a default in each stage that uses it."""
    for name, text in Definition(PROJECT.recipe(image).definition.read_text()).stages.items():
        section = re.search(r"^%arguments\n((?:    .*\n)+)", text, re.MULTILINE)
        defaults = {line.split("=")[0].strip() for line in section[1].splitlines()} if section else set()
        assert Definition(text).arguments <= defaults, f"stage {name}"


@pytest.mark.parametrize("path", sorted((PROJECT.root / "recipes").glob("*/*.*")), ids=lambda path: path.name)
def test_build_removes_nothing_of_the_machine(path: Path) -> None:
    """Apptainer shows the machine's own /tmp and /var/tmp while it builds: what a recipe removes there, its user loses."""
    lines = [line for line in path.read_text().splitlines() if re.search(r"\brm\b|-delete\b", line)]
    assert not [line for line in lines if re.search(r"(^|[\s\"'])/(var/)?tmp\b", line)]


@pytest.mark.parametrize("name", DEBIAN)
def test_locks_have_a_hash_for_every_requirement(name: str) -> None:
    environment = PROJECT.environment(name)
    for lock in ("requirements.txt", "sources.txt"):
        text = environment.file(lock).read_text().replace("\\\n", " ")
        requirements = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        assert requirements
        assert [line for line in requirements if "--hash=sha256:" not in line] == []


def locked(environment: Environment) -> dict[str, str]:
    text = "".join(environment.file(lock).read_text() for lock in ("requirements.txt", "sources.txt"))
    return dict(re.findall(r"^([a-z0-9_-]+)==([^ \\]+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", DEBIAN)
def test_pins_and_locks_agree(name: str) -> None:
    environment = PROJECT.environment(name)
    found = locked(environment)
    for package, key in (("NEST", "nest-simulator"), ("PyNN", "pynn"), ("NESTML", "nestml"), ("mpi4py", "mpi4py")):
        assert environment.pins[package].version == found[key], package


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_pin_has_its_evidence(name: str) -> None:
    assert all(len(pin.evidence) > 5 for pin in PROJECT.environment(name).pins.values())
