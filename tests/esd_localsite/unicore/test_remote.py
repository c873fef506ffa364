"""What another server says is checked before it is used; the server is a made-up one."""

import httpx
import pytest

from esd_localsite.files.files import PathError
from esd_localsite.files.remote import RemoteStorage

URL = "https://h/S/rest/core/storages/HOME"


class Server:
    """Says what it is told to say of files, and keeps what it is asked."""

    def __init__(self, properties, content=b"abc"):
        self.properties, self.content, self.asked = properties, content, []

    def __call__(self, request):
        self.asked.append((request.method, request.url.path))
        if request.headers.get("Accept") == "application/octet-stream":
            return httpx.Response(200, content=self.content)
        return httpx.Response(200, json=self.properties.get(request.url.path.partition("/files")[2] or "/"))

    @property
    def storage(self):
        return RemoteStorage(URL, httpx.Client(transport=httpx.MockTransport(self)))


def file(size):
    return {"isDirectory": False, "size": size}


def folder(*content):
    return {"isDirectory": True, "size": 0, "content": {name: {} for name in content}}


def test_a_download_of_another_size_is_none():
    assert b"".join(Server({"/x": file(3)}).storage.pieces("x")) == b"abc"
    with pytest.raises(PathError, match="came with 3 bytes of 5"):
        list(Server({"/x": file(5)}).storage.pieces("x"))


def test_an_upload_that_arrives_in_another_size_is_removed():
    whole, half = Server({"/x": file(4)}), Server({"/x": file(2)})
    whole.storage.receive("x", iter([b"ab", b"cd"]))
    with pytest.raises(PathError, match="has 2 bytes of 4, and was removed"):
        half.storage.receive("x", iter([b"ab", b"cd"]))
    assert [method for method, _ in whole.asked] == ["PUT", "GET"]
    assert half.asked[-1] == ("DELETE", "/S/rest/core/storages/HOME/files/x")


@pytest.mark.parametrize("named", ["/../etc/passwd", "/d/..", "/other", "/d/a/b", "/d", "", "x"])
def test_names_outside_of_the_folder_are_refused(named):
    with pytest.raises(PathError, match="which cannot be"):
        Server({"/d": folder(named)}).storage.matching("d")


def test_a_folder_in_itself_has_an_end():
    class Endless(Server):
        def __call__(self, request):
            path = request.url.path.partition("/files")[2]
            return httpx.Response(200, json=folder(f"{path}/d/"))

    with pytest.raises(PathError, match="which cannot be"):
        Endless({}).storage.matching("d")


@pytest.mark.parametrize("said", [None, [], "x", {}, {"isDirectory": False, "size": "many"}])
def test_what_is_no_answer_of_a_storage(said):
    with pytest.raises(PathError, match="is no file of a UNICORE storage"):
        Server({"/x": said}).storage.matching("x")


def test_wildcards_and_folders():
    server = Server({"/": folder("/a.txt", "/b.txt", "/d/"), "/d": folder("/d/c.txt"), "/a.txt": file(1)})
    assert server.storage.matching("*.txt") == ("/a.txt", "/b.txt")
    assert server.storage.matching("/d") == ("/d/c.txt",)
    assert server.storage.matching("a.txt") == ("a.txt",)
