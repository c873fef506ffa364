import os

import pytest
from starlette.exceptions import HTTPException

from esd_localsite.files.documents import unicore_second
from esd_localsite.files.files import PathError, Storage, read_range
from esd_localsite.files.processes import Account
from esd_localsite.unicore.storage_routes import parse_range


@pytest.fixture
def storage(tmp_path):
    (tmp_path / "root").mkdir()
    return Storage(tmp_path / "root", Account.of(None))


def put(storage, name, content=b"x"):
    with storage.writing(name) as stream:
        stream.write(content)


@pytest.mark.parametrize("name", ["..", "../x", "a/../../x", "/../x", "a\0b", "a\nb"])
def test_paths_that_leave_the_storage_are_refused(storage, name):
    with pytest.raises(PathError):
        storage.path(name)


@pytest.mark.parametrize(("name", "relative"), [("", "."), ("/", "."), ("//etc/passwd", "etc/passwd"), ("a/./b/", "a/b"), ("..x", "..x")])
def test_other_paths_lie_below_the_root(storage, name, relative):
    assert storage.path(name) == storage.root / relative


def test_upload_makes_folders_and_writes_in_place(storage):
    with storage.writing("a/b/c.txt") as stream:
        stream.write(b"half")
        stream.flush()
        assert (storage.root / "a/b/c.txt").read_bytes() == b"half"
    modes = [(storage.root / path).stat().st_mode & 0o777 for path in ("a", "a/b", "a/b/c.txt")]
    assert modes == [0o750, 0o750, 0o640]


def test_an_upload_replaces_what_was_there_from_its_beginning(storage):
    put(storage, "x", b"older")
    with storage.writing("x") as stream:
        stream.write(b"new")
    assert (storage.root / "x").read_bytes() == b"new"


def test_names_are_rewritten_as_by_the_tsi(storage):
    account = storage.account
    assert storage.path("a$USERX/$LOGNAME") == storage.root / f"a{account.name}X" / account.name
    assert storage.path("${HOME}") == storage.root / "${HOME}"


def test_properties_of_a_directory(storage):
    put(storage, "d/x", b"abc")
    (storage.root / "d/sub").mkdir()
    (storage.root / "d/broken").symlink_to("nowhere")
    properties = storage.properties("d")
    assert properties["isDirectory"] is True
    assert sorted(properties["content"]) == ["/d/broken", "/d/sub/", "/d/x"]
    assert properties["content"]["/d/x"]["size"] == 3
    assert properties["content"]["/d/x"]["permissions"] == "rw-r-----"


def test_a_removed_link_leaves_what_it_led_to(storage, tmp_path):
    (tmp_path / "outside").mkdir()
    (storage.root / "link").symlink_to(tmp_path / "outside")
    storage.remove("link")
    assert (tmp_path / "outside").is_dir()
    assert not (storage.root / "link").is_symlink()


@pytest.mark.parametrize("name", ["", "/", "."])
def test_the_root_is_emptied_like_any_folder_and_never_overwritten(storage, name):
    put(storage, "x")
    with pytest.raises(PathError):
        storage.writing(name)
    storage.remove(name)
    assert not storage.root.exists()


def test_what_is_not_there_can_be_removed(storage):
    storage.remove("nothing")


def test_rename_copy_and_permissions(storage):
    put(storage, "a", b"1")
    storage.rename("a", "b")
    storage.copy("b", "c")
    storage.set_permissions("c", "rwxr-x---")
    assert (storage.root / "c").stat().st_mode & 0o777 == 0o750
    with pytest.raises(PathError, match="Illegal permissions string <755>"):
        storage.set_permissions("c", "755")
    assert sorted(path.name for path in storage.root.iterdir()) == ["b", "c"]


def test_a_named_pipe_does_not_hold_the_endpoint(storage):
    os.mkfifo(storage.root / "pipe")
    with pytest.raises(IsADirectoryError):
        storage.open("pipe")


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (None, None),
        ("bytes=0-3", (0, 4)),
        ("bytes=4-", (4, 6)),
        ("bytes=4-100", (4, 6)),
        ("bytes=-3", (7, 3)),
        ("bytes=-30", (0, 10)),
        ("bytes=9-9", (9, 1)),
        ("bytes=10-", (10, 0)),
        ("bytes=11-", (10, 0)),
        ("bytes=5-4", (5, 0)),
        ("bytes=-0", (10, 0)),
    ],
)
def test_ranges(header, part):
    assert parse_range(header, 10) == part


@pytest.mark.parametrize("header", ["lines=1-2", "bytes=-", "nonsense", "bytes=" + "9" * 5000 + "-"])
def test_what_is_no_range(header):
    with pytest.raises(HTTPException) as caught:
        parse_range(header, 10)
    assert caught.value.status_code == 416


def test_part_of_a_file(storage):
    put(storage, "x", b"0123456789")
    assert b"".join(read_range(storage.open("x"), 2, 5)) == b"23456"


def test_a_large_folder_is_listed_whole(tmp_path):
    for number in range(250):
        (tmp_path / f"{number:03}").touch()
    content = Storage(tmp_path, Account.of(None)).properties("/")["content"]

    assert list(content) == [f"/{number:03}" for number in range(250)]


@pytest.mark.parametrize(("second", "year"), [(-1, 1970), (0, 1970), (10**18, 9000)])
def test_times_beyond_the_calendar_have_a_text(second, year):
    assert abs(int(unicore_second(second)[:4]) - year) <= 1
