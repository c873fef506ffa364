"""A Python package beside a recipe's definition belongs to the image: it is copied, and its content is part of the build's key."""

import pytest

from esd_build.building import context
from esd_build.building.stage import file_hash
from esd_build.data.project import Recipe


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "server"
    (place / "own_package" / "inner").mkdir(parents=True)
    (place / "no_package").mkdir()
    for name in (
        "server.def",
        "notes.txt",
        "image.yaml",
        "test_server.py",
        "own_package/__init__.py",
        "own_package/inner/data.txt",
        "no_package/x",
    ):
        (place / name).write_text(name)
    return place


def test_what_belongs_to_a_recipe(folder):
    recipe = Recipe.model_construct(name="server", folder=folder)  # type: ignore[call-arg]

    assert [path.name for path in recipe.files] == ["notes.txt", "own_package", "server.def"]


def test_its_hash_is_that_of_names_and_contents_without_caches(folder):
    before = file_hash(folder / "own_package")
    (folder / "own_package" / "__pycache__").mkdir()
    (folder / "own_package" / "__pycache__" / "x.pyc").write_text("x")
    assert file_hash(folder / "own_package") == before

    (folder / "own_package" / "inner" / "data.txt").write_text("other")
    changed = file_hash(folder / "own_package")
    (folder / "own_package" / "inner" / "data.txt").rename(folder / "own_package" / "data.txt")
    assert len({before, changed, file_hash(folder / "own_package")}) == 3


def test_it_is_copied_without_caches(folder, tmp_path):
    (folder / "own_package" / "__pycache__").mkdir()
    (tmp_path / "build").mkdir()

    context.fill(tmp_path / "build", {"own_package": folder / "own_package"}, {})

    assert sorted(path.name for path in (tmp_path / "build" / "own_package").rglob("*")) == ["__init__.py", "data.txt", "inner"]
