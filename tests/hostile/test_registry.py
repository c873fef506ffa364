"""A registry that means harm: manifests, digests, sizes, redirects, cookies, tokens, and where it wants the login to be sent."""

import base64
import json

import pytest

from esd_build.data.errors import EsdError, ToolError, UsageError
from esd_build.data.reference import ImageReference
from esd_build.net.patience import Patience
from esd_build.registry import Credentials, Registry, manifests
from esd_build.registry.manifests import Attachment

from .servers import answer, hostile, says

pytestmark = pytest.mark.integration
SECRET = "s3cret-of-mine"
SIF = {"mediaType": manifests.SIF_LAYER, "digest": "sha256:" + "b" * 64, "size": 10}
CONFIG = {"mediaType": manifests.SIF_CONFIG, "digest": "sha256:" + "c" * 64, "size": 2}


def registry(server, tmp_path, **options) -> Registry:
    account = Credentials("me", SECRET)
    patience = Patience(0.1, sleep=lambda _s: None)
    return Registry(
        f"127.0.0.1:{server.port}", ca_file=server.ca_file, credentials=account, patience=patience, unfinished=tmp_path, **options
    )


def image(server, tag="edge", digest=None) -> ImageReference:
    return ImageReference(f"127.0.0.1:{server.port}", "esd/nest", tag, digest)


def asked(server, tmp_path) -> list[str]:
    """What each way to ask the registry ends with: an error of ours, in words that can be shown, without the secret."""
    one, reference = registry(server, tmp_path), image(server, digest="sha256:" + "a" * 64)
    asks = {
        "find": lambda: one.find(image(server)),
        "tags": lambda: one.tags(reference),
        "attachments": lambda: one.attachments(image(server)),
        "read": lambda: one.read(reference, Attachment("x", "sha256:" + "a" * 64, "sha256:" + "b" * 64, 5, {})),
    }
    told = []
    for name, ask in asks.items():
        try:
            told.append(f"{name}: {ask()!r}")
        except EsdError as error:
            told.append(f"{name}: {error}")
    assert not [text for text in told if SECRET in text or base64.b64encode(f"me:{SECRET}".encode()).decode() in text]
    return told


MANIFESTS = {
    "list": b"[]",
    "deep": b"[" * 100_000,
    "null": b"null",
    "nothing": b"",
    "digits": b'{"schemaVersion": 2, "config": {"mediaType": "x", "digest": "sha256:' + b"a" * 64 + b'", "size": ' + b"9" * 5000 + b"}}",
    "infinite": b'{"layers": [{"mediaType": "x", "digest": "y", "size": 1e999}]}',
    "negative": json.dumps({"config": CONFIG, "layers": [{**SIF, "size": -1}]}).encode(),
    "traversal": json.dumps({"config": CONFIG, "layers": [{**SIF, "digest": "sha256:../../etc/passwd"}]}).encode(),
    "surrogate": b'{"annotations": {"a": "\\ud800"}, "layers": []}',
    "escapes": json.dumps({"errors": [{"code": "\x1b]52;c;x\x07", "message": "\x1b[2J"}]}).encode(),
    "bytes": b"\xff\xfe\0",
    "page": b"<html>",
}


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "400 Bad \x1b[2J", "403 Forbidden"])
@pytest.mark.parametrize("kind", MANIFESTS)
def test_an_answer_of_another_shape_is_one_error(tmp_path, kind, status):
    with hostile(tmp_path, says(MANIFESTS[kind], status=status)) as server:
        asked(server, tmp_path)


LOCATIONS = (
    "https://[",
    "https://[::1",
    "//[",
    "\xff\xfe",
    "https://a:b/",
    "http://127.0.0.1/x",
    "file:///etc/passwd",
    "https://\u00ad/",
    "/again",
)


@pytest.mark.parametrize("location", LOCATIONS)
def test_a_redirect_to_what_is_no_address_is_one_error(tmp_path, location):
    def talk(connection, _head):
        head = b"HTTP/1.1 307 Moved\r\nContent-Length: 0\r\nLocation: " + location.encode("latin-1") + b"\r\n\r\n"
        connection.sendall(head)

    with hostile(tmp_path, talk) as server:
        for told in asked(server, tmp_path):
            assert ": " in told


CHALLENGES = {
    "nothing": "",
    "no realm": "Bearer",
    "half": 'Bearer realm="https://[",service="x"',
    "plain": 'Bearer realm="http://127.0.0.1/token"',
    "file": 'Bearer realm="file:///etc/passwd"',
    "commas": "Bearer ,,,=,",
    "other": "Negotiate",
    "both": 'Basic realm="x", Bearer realm="http://127.0.0.1/"',
}


@pytest.mark.parametrize("kind", CHALLENGES)
def test_a_challenge_that_is_none_is_one_error_and_gets_no_login(tmp_path, kind):
    with hostile(tmp_path, says(b"", f"WWW-Authenticate: {CHALLENGES[kind]}", status="401 Unauthorized")) as server:
        asked(server, tmp_path)
        if kind != "both":  # Basic is asked for by the registry itself, which may have the login
            assert not [head for head in server.heads if "uthorization" in head]


TOKENS = {
    "line break": {"token": "a\r\nX-Evil: 1"},
    "not latin": {"token": "\u4e2d"},
    "surrogate": {"token": "a\u0085b"},
    "number": {"token": 3},
    "list": [],
    "expiry": {"token": "t", "expires_in": "never"},
    "negative": {"token": "t", "expires_in": -1e308},
    "nothing": {},
}


@pytest.mark.parametrize("kind", TOKENS)
def test_a_token_that_no_header_carries_is_one_error(tmp_path, kind):
    def talk(connection, head):
        if head.startswith("GET /token"):
            connection.sendall(answer(json.dumps(TOKENS[kind]).encode()))
        else:
            connection.sendall(answer(b"", f'WWW-Authenticate: Bearer realm="https://{host}/token"', status="401 Unauthorized"))

    with hostile(tmp_path, talk) as server:
        host = f"127.0.0.1:{server.port}"
        told = asked(server, tmp_path)
    assert not [text for text in told if "X-Evil" in text or "\u4e2d" in text]


@pytest.mark.parametrize("charset", ["idna", "punycode", "unicode_escape", "hex", "undefined", "utf-7", "\x1b[2J", "x" * 5000])
@pytest.mark.parametrize("status", ["400 Bad", "500 Wrong", "403 Forbidden"])
def test_the_words_of_a_refusal_may_be_in_any_writing(tmp_path, charset, status):
    def talk(connection, _head):
        body = b"xn--" + b"a" * 3000 + b"\xff\\ud800"
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nContent-Type: application/json; charset={charset}\r\n\r\n"
        connection.sendall(head.encode() + body)

    with hostile(tmp_path, talk) as server:
        asked(server, tmp_path)


def listed(size: int, media_type: str = manifests.MANIFEST) -> dict[str, bytes]:
    """A repository with one image and one attachment of it, which says that it has so many bytes."""
    picture = json.dumps({"config": CONFIG, "layers": [SIF]}).encode()
    layer = {"mediaType": "x", "digest": "sha256:" + "d" * 64, "size": size}
    attached = json.dumps({"artifactType": "x", "config": CONFIG, "layers": [layer]}).encode()
    one = {"mediaType": media_type, "digest": manifests.digest_of(attached), "size": 1, "artifactType": "x"}
    index = json.dumps({"manifests": [one]}).encode()
    return {"/manifests/edge": picture, "/referrers/": index, f"/manifests/{one['digest']}": attached, "/manifests/": index}


def serves(parts: dict[str, bytes]):
    def talk(connection, head):
        path = head.split(" ")[1]
        body = next((content for part, content in parts.items() if part in path), b"")
        connection.sendall(answer(body).replace(b"application/json", manifests.INDEX.encode()))

    return talk


def test_a_document_of_terabytes_is_not_fetched(tmp_path):
    with hostile(tmp_path, serves(listed(10**13))) as server:
        one = registry(server, tmp_path)
        (attached,) = one.attachments(image(server))
        with pytest.raises(UsageError, match="no document has more"):
            one.read(image(server), attached)
        assert not [head for head in server.heads if "/blobs/" in head]


@pytest.mark.parametrize("media_type", ["\u4e2d", "a\r\nX-Evil: 1", "", "\x1b[2J"])
def test_a_type_that_no_header_carries_hides_one_document_and_no_other(tmp_path, media_type):
    with hostile(tmp_path, serves(listed(5, media_type))) as server:
        registry(server, tmp_path).attachments(image(server))
        assert not [head for head in server.heads if "X-Evil" in head]


def test_a_list_of_tags_that_goes_on_for_ever_or_elsewhere_is_given_up(tmp_path, monkeypatch):
    from esd_build.registry import store

    monkeypatch.setattr(store, "_MOST_TAGS", 50)
    page = json.dumps({"tags": ["edge"] * 20}).encode()
    for link, words in (
        ("</v2/esd/nest/tags/list?again>", "names more than 50"),
        ("<https://127.0.0.2/>", "another server"),
        ("<https://[>", "not an address"),
    ):
        with hostile(tmp_path, says(page, f'Link: {link}; rel="next"')) as server, pytest.raises(ToolError, match=words):
            registry(server, tmp_path).tags(image(server))


def test_a_cookie_is_sent_nowhere(tmp_path):
    from esd_deploy.net import http

    with hostile(tmp_path, says(b"[]", "Set-Cookie: a=b; Path=/")) as server:
        registry(server, tmp_path).connection.do_request(f"{server.url}/v2/")
        registry(server, tmp_path).connection.do_request(f"{server.url}/v2/")
        with http.client(server.ca_file) as client:
            client.get(server.url)
            client.get(server.url)
        assert len(server.heads) == 4
        assert not [head for head in server.heads if "ookie" in head]
