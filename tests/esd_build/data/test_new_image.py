"""`esd-build new`: the files of a new image."""

from pathlib import Path, PurePosixPath

import pytest

from esd_build.building.definition import Definition
from esd_build.data.errors import ConfigError, UsageError
from esd_build.data.new_image import NewImage
from esd_build.data.project import Project

ROOT = Path(__file__).parents[3]


@pytest.fixture
def written(tmp_path: Path) -> Project:
    """A checkout with one environment, one recipe, and a new image."""
    for folder in ("recipes/nest", "spack-envs/edge"):
        (tmp_path / folder).mkdir(parents=True)
        for name in ("image.yaml", "nest.def", "release.yaml", "requirements.txt"):
            if (ROOT / folder / name).is_file():
                (tmp_path / folder / name).write_text((ROOT / folder / name).read_text())
    for path, text in NewImage("my-nest", "nest", "edge", ("brian2==2.9", "tqdm")).files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return Project(tmp_path)


def test_the_recipe_is_one_that_the_builder_reads(written: Project) -> None:
    recipe = written.recipe("my-nest")
    assert (recipe.base, recipe.description) == ("nest", "nest with brian2, tqdm")
    assert {"final"} == set(Definition(recipe.definition.read_text()).stages)


def test_its_contract_is_a_test_of_each_package(written: Project) -> None:
    text = (written.root / "recipes/my-nest/test_my_nest.py").read_text()
    compile(text, "test_my_nest.py", "exec")
    assert '["brian2", "tqdm"]' in text


def test_its_list_stands_on_the_shared_one(written: Project) -> None:
    lines = (written.root / "spack-envs/edge/my-nest/requirements.in").read_text().splitlines()
    assert lines[1:4] == ["-c ../requirements.txt", "brian2==2.9", "tqdm"]


def test_a_list_without_its_lock_is_refused_with_the_command_that_makes_it(written: Project) -> None:
    with pytest.raises(ConfigError, match="make lock IMAGE=my-nest ENV=edge"):
        written.environment("edge").of("my-nest").file("requirements.txt")


def test_a_list_that_was_changed_after_it_was_locked(written: Project) -> None:
    folder = written.root / "spack-envs/edge/my-nest"
    locked = (
        "brian2==2.9 \\\n    --hash=sha256:0\ntqdm==4 \\\n    --hash=sha256:0\nsetuptools==1\nwheel==1\npip==1\n    # via Py_Unicore==9\n"
    )
    (folder / "requirements.txt").write_text(locked)
    environment = written.environment("edge").of("my-nest")
    assert environment.file("requirements.txt") == folder / "requirements.txt"
    with (folder / "requirements.in").open("a") as listing:
        listing.write("Py_Unicore==9  # jobs\n")
    with pytest.raises(
        ConfigError, match=r"asks for py-unicore, which requirements\.txt does not have; renew it with: make lock IMAGE=my-nest"
    ):
        environment.file("requirements.txt")


def test_the_shared_list_is_held_to_its_lock_too(written: Project) -> None:
    (written.root / "spack-envs/edge/requirements.in").write_text("no-such-package\n")
    with pytest.raises(ConfigError, match=r"asks for no-such-package.*: make lock$"):
        written.environment("edge").of("nest").file("requirements.txt")


@pytest.mark.parametrize("name", ["My-Nest", "a--b", "-a", "a/b", "../a", ""])
def test_a_name_that_no_image_can_have(name: str) -> None:
    with pytest.raises(UsageError, match="cannot name an image"):
        NewImage(name, "nest", "edge", ("tqdm",))


@pytest.mark.parametrize("package", ["", "--index-url", "a b", "x @ https://example.org/x.whl", "./x", 'a"b'])
def test_a_package_that_is_none(package: str) -> None:
    with pytest.raises(UsageError, match="is not the name of a Python package"):
        NewImage("a", "nest", "edge", (package,))


def test_a_variant_reaches_the_shared_list() -> None:
    found = NewImage("a", "nest", "edge/system-trixie", ("tqdm",)).files
    assert "-c ../../requirements.txt" in found[PurePosixPath("spack-envs/edge/system-trixie/a/requirements.in")]
