"""Results whose names UNICORE rewrites: known by a link of another name."""

import pytest

from esd_deploy.backends.connection import RemoteFile
from esd_deploy.backends.unicore import names as unicore_names
from esd_deploy.backends.unicore.names import LIST, Plain


@pytest.mark.parametrize("path", ["a$HOME.txt", "$USERX", "d$LOGNAME/file", "it's", "a\\b", "percent%20", "d%aF/x"])
def test_what_the_tsi_replaces(path):
    assert unicore_names.is_rewritten(path)


@pytest.mark.parametrize("path", ["HOME", "${HOME}", "$SCRATCH", "$ HOME", "$home", "100%", "%zz", 'two"quotes', "a;b&c|d#e?f", "größe"])
def test_what_it_leaves_alone(path):
    assert not unicore_names.is_rewritten(path)


def test_the_list_of_links_is_read_as_job_sh_writes_it():
    content = b"0 12 ./a$HOME.txt\x001 0 ./d$USER/two words \n\x00"

    assert unicore_names.parse(content) == {
        "a$HOME.txt": Plain("esd/plain-names/0", 12),
        "d$USER/two words \n": Plain("esd/plain-names/1", 0),
    }


@pytest.mark.parametrize("content", [b"", b"x", b"1 2", b"a 2 p\x00", b"1 b p\x00", b"\xff\xfe\x00"])
def test_a_damaged_list_names_nothing(content):
    assert unicore_names.parse(content) == {}


def test_files_have_their_own_names_and_sizes():
    listed = [
        RemoteFile("a", 1),
        RemoteFile("x$HOME", 0),
        RemoteFile("d$USER", 4096),
        RemoteFile(LIST, 9),
        RemoteFile("esd/plain-names/0", 7),
    ]
    links = {"x$HOME": Plain("esd/plain-names/0", 7), "d$USER/y": Plain("esd/plain-names/1", 8)}

    assert list(unicore_names.real(listed, lambda: links)) == [RemoteFile("a", 1), RemoteFile("x$HOME", 7), RemoteFile("d$USER/y", 8)]


def test_without_links_such_a_file_is_named_all_the_same():
    listed = [RemoteFile("a", 1), RemoteFile("x$HOME", 0)]

    assert list(unicore_names.real(listed, dict)) == listed
