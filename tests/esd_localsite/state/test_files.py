import stat
from contextlib import suppress
from pathlib import Path

import pytest

from esd_localsite.state.files import make_folder, tail, whole_folder, write


def test_a_file_is_replaced_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    write(path, "new", mode=0o600)
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_half_done_is_left_where_the_replacement_fails(tmp_path: Path) -> None:
    (tmp_path / "folder" / "full").mkdir(parents=True)
    with pytest.raises(OSError, match="folder"):
        write(tmp_path / "folder", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_folder_gets_exactly_its_mode(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b", mode=0o1777)
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o1777


def test_the_last_lines_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("1\n2\n3\n")
    assert tail(log, lines=2) == "2\n3"
    assert tail(tmp_path / "none") == ""


def test_a_folder_is_there_whole_or_not_at_all(tmp_path):
    target = tmp_path / "ESD" / "25.04"
    with whole_folder(target) as new:
        (new / "file").touch()
    with suppress(ZeroDivisionError), whole_folder(target) as new:
        (new / "half").touch()
        raise ZeroDivisionError

    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == ["ESD", "ESD/25.04", "ESD/25.04/file"]
    assert target.stat().st_mode & 0o777 == 0o755
