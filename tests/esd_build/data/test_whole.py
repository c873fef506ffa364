import shutil
from contextlib import suppress

import pytest

from esd_build.data.whole import whole, whole_folder, write_whole


def test_a_file_appears_whole_with_its_folder(tmp_path):
    write_whole(tmp_path / "new" / "file", "text", mode=0o600)

    assert (tmp_path / "new" / "file").read_text() == "text"
    assert (tmp_path / "new" / "file").stat().st_mode & 0o777 == 0o600


def test_of_a_file_that_failed_the_old_one_is_left(tmp_path):
    write_whole(tmp_path / "file", "old")

    with suppress(ZeroDivisionError), whole(tmp_path / "file") as part:
        part.write_text("half")
        raise ZeroDivisionError

    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file", "old")]


def fill(target, *, fail=False, **options):
    with whole_folder(target, **options) as part:
        assert not any(part.iterdir())
        (part / "file").write_text("new")
        if fail:
            raise ZeroDivisionError


def test_a_folder_takes_the_place_of_the_old_one(tmp_path):
    target = tmp_path / "there" / "folder"
    fill(target)
    (target / "more").touch()

    fill(target)

    assert [path.name for path in target.iterdir()] == ["file"]
    assert [path.name for path in target.parent.iterdir()] == ["folder"]


def test_of_a_folder_that_failed_nothing_is_left_but_the_old_one(tmp_path):
    fill(tmp_path / "folder")
    (tmp_path / "folder" / "old").touch()

    with pytest.raises(ZeroDivisionError):
        fill(tmp_path / "folder", fail=True)

    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    assert {path.name for path in (tmp_path / "folder").iterdir()} == {"file", "old"}


def test_what_a_killed_process_left_is_removed_first_as_its_owner_can(tmp_path):
    (tmp_path / ".folder.part").mkdir()
    (tmp_path / ".folder.part" / "half").touch()
    removed = []

    fill(tmp_path / "folder", remove=lambda path: (removed.append(path.name), shutil.rmtree(path)))

    assert removed == [".folder.part"]
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["file"]
