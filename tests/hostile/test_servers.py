"""UNICORE, a queue and an issuer that mean harm: each strange answer is one error of this project, and shows no secret."""

import json
import os

import httpx
import pytest

from esd_build.data.errors import EsdError, ToolError, UsageError
from esd_deploy.backends.nmpi.connection import NmpiConnection
from esd_deploy.backends.unicore import folder as unicore_folder
from esd_deploy.backends.unicore.connection import UnicoreConnection
from esd_deploy.backends.unicore.http import PooledTransport
from esd_deploy.net import http
from esd_deploy.sites import oidc
from esd_deploy.sites.config import SiteConfig
from esd_deploy.sites.endpoint import Credentials, Endpoint, resolve
from esd_deploy.sites.source import CredentialsSource
from esd_deploy.sites.tokens import secret_file, tokens

from .servers import hostile, says

JOB = "/SITE/rest/core/jobs/1"
SHAPES = {
    "list": b"[]",
    "text": b'"x"',
    "null": b"null",
    "nothing": b"",
    "nested": b"[" * 100_000,
    "dicts": b'{"a":' * 10_000,
    "infinite": b'{"status": 1e999, "exitCode": 1e999, "size": 1e999}',
    "digits": b'{"status": "RUNNING", "exitCode": "' + b"9" * 5000 + b'"}',
    "number": b'{"id": ' + b"9" * 5000 + b"}",
    "surrogate": b'{"status": "\\ud800", "log": ["\\udfff"]}',
    "types": b'{"status": {"a": []}, "exitCode": [1], "log": 7, "tags": 8, "content": [], "_links": 3, "id": {}, "jobs": {"a": 1}}',
    "bytes": b"\xff\xfe\x00",
    "page": b"<html>",
}


def unicore(server) -> UnicoreConnection:
    endpoint = Endpoint(f"{server.url}/SITE/rest/core", "", server.ca_file, Credentials("s3cret", "esd"), "")
    return UnicoreConnection(endpoint, None, PooledTransport(endpoint), sleep=lambda _s: None)


def queue(server) -> NmpiConnection:
    return NmpiConnection.open(Endpoint(server.url, "", server.ca_file, Credentials("s3cret"), ""))


def survives(ask) -> str:
    """What an error says; an answer, where it makes one, must be one that can be kept."""
    try:
        return json.dumps(str(ask()))
    except EsdError as error:
        told = str(error)
    assert len(told) < 5000
    assert told.encode().decode().replace("\n", "").isprintable()
    return told


@pytest.mark.integration
@pytest.mark.parametrize("shape", SHAPES)
def test_an_answer_of_another_shape_is_one_error(tmp_path, shape):
    with hostile(tmp_path, says(SHAPES[shape])) as server, http.client(server.ca_file) as plain:
        site, jobs, job, other = unicore(server), queue(server), f"{server.url}{JOB}", f"{server.url}/jobs/1"
        asked = [lambda: site.state(job), lambda: site.details(job), lambda: site.files(job), lambda: site.abort(job)]
        asked += [lambda: site.start(job), lambda: jobs.state(other), lambda: jobs.find("x"), lambda: jobs.files(other)]
        asked += [lambda: oidc._endpoint(plain, server.url, "token_endpoint")]
        assert not [told for told in map(survives, asked) if "s3cret" in told]
        site._transport._http.close()
        jobs._http.close()


@pytest.mark.integration
def test_words_of_a_server_reach_no_terminal_as_orders(tmp_path):
    words = json.dumps({"status": "FAILED", "statusMessage": "\x1b]52;c;ZXZpbA==\x07", "log": ["\x1b[2J"], "exitCode": "1"}).encode()
    with hostile(tmp_path, says(words)) as server:
        state = unicore(server).state(f"{server.url}{JOB}")
    assert "\x1b" not in f"{state}"
    assert (state.status, state.exit_code) == ("FAILED", 1)
    with hostile(tmp_path, says(b"\x1b]52;c;evil\x07", status="500 \x1b[2J")) as server, pytest.raises(ToolError) as told:
        unicore(server).state(f"{server.url}{JOB}")
    assert "\x1b" not in str(told.value)


@pytest.mark.integration
@pytest.mark.parametrize("location", ["http://127.0.0.1:1/x", "https://127.0.0.1:1/x"])
def test_unicore_and_issuers_are_not_followed_elsewhere(tmp_path, location):
    with hostile(tmp_path, says(b"", f"Location: {location}", status="307 Temporary Redirect")) as server:
        assert "s3cret" not in survives(lambda: unicore(server).state(f"{server.url}{JOB}"))
        with pytest.raises(EsdError), http.client(server.ca_file) as plain:
            oidc._endpoint(plain, server.url, "token_endpoint")
        assert len(server.heads) == 2


def test_a_listing_without_end_is_given_up():
    def listed(path):
        files = {f"{path}{number}": {"isDirectory": False, "size": 1, "lastAccessed": path} for number in range(1000)}
        return files | {f"{path}d{number}/": {"isDirectory": True, "size": 0} for number in range(10)}

    with pytest.raises(ToolError, match="more than 200000 files"):
        unicore_folder.walk(listed, lambda: ())


@pytest.mark.parametrize("secret", ["to\nken", "token\r\nX-Evil: 1", "to\x00ken", "t\u2028oken"])
def test_a_token_that_no_header_carries_is_refused_where_it_comes_from(tmp_path, secret):
    file = tmp_path / "token"
    file.write_text(f"{secret}\n")
    file.chmod(0o600)
    for ask in (
        lambda: secret_file(file),
        lambda: tokens(CredentialsSource(token_env="T"), "x", environ={"T": secret}).bearer(),
        lambda: tokens(CredentialsSource(token_env="T"), "x", given=secret).bearer(),
    ):
        with pytest.raises(UsageError) as told:
            ask()
        assert "oken" not in str(told.value).replace("token given by hand", "").replace(str(file), "")


SECRETS = {
    "BOM within": "to\ufeffken-of-mine",
    "return": "to\rken-of-mine",
    "NUL": "to\0ken-of-mine",
    "tab": "to\tken-of-mine",
    "other writing": "t\u00f6ken-of-mine",
    "turned": "to\u202eken-of-mine",
    "escape": "to\x1b[2Jken-of-mine",
    "space": "to ken-of-mine",
    "longest": "ken-of-mine" * 10_000,
}


@pytest.mark.parametrize("kind", SECRETS)
def test_a_token_that_is_none_is_refused_and_stands_in_no_message(tmp_path, kind, caplog):
    file = tmp_path / "place"
    file.write_text(SECRETS[kind])
    file.chmod(0o600)
    source = CredentialsSource(token_env="T")
    for ask in (
        lambda: tokens(CredentialsSource(token_file=file), "x", environ={}).bearer(),
        lambda: tokens(source, "x", environ={"T": SECRETS[kind]}).bearer(),
        lambda: tokens(source, "x", given=SECRETS[kind], environ={}).bearer(),
    ):
        with pytest.raises(UsageError) as told:
            ask()
        shown = f"{told.value!r} {told.value.__cause__!r} {caplog.text}"
        assert "ken-of-mine" not in shown


def test_a_byte_order_mark_is_no_part_of_a_token(tmp_path):
    file = tmp_path / "token"
    file.write_bytes(b"\xef\xbb\xbftoken\r\n")
    file.chmod(0o600)
    assert secret_file(file) == "token"


@pytest.mark.integration
def test_a_header_that_cannot_be_sent_is_not_shown(tmp_path):
    with hostile(tmp_path, says(b"{}")) as server:
        endpoint = Endpoint(server.url, "", server.ca_file, Credentials("s3c\nret"), "")
        for ask in (lambda: NmpiConnection.open(endpoint).find("x"),):
            told = survives(ask)
            assert "s3c" not in told


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o604])
def test_a_password_of_a_local_site_that_others_can_read_is_refused(config, tmp_path, mode):
    status = {"name": "local", "state": "running", "unicore_url": "https://127.0.0.1:1/L/rest/core", "registry": "x", "username": "esd"}
    status |= {"password_file": str(tmp_path / "password"), "ca_file": str(tmp_path / "ca.pem")}
    (tmp_path / "password").write_text("s3cret\n")
    (tmp_path / "password").chmod(mode)
    (tmp_path / "status.json").write_text(json.dumps(status))
    local = {"status_file": tmp_path / "status.json", "url": None, "registry": None, "credentials": None}
    site: SiteConfig = config.model_copy(update=local)
    with pytest.raises(UsageError, match="others can read"):
        resolve(site)
    (tmp_path / "password").chmod(0o600)
    (tmp_path / "status.json").chmod(0o666)
    with pytest.raises(UsageError, match="others can write to"):
        resolve(site)


def test_a_pipe_is_no_secret(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    descriptor = os.open(tmp_path / "pipe", os.O_RDWR)
    with pytest.raises(UsageError, match="belongs to another account"):
        secret_file(tmp_path / "pipe")
    os.close(descriptor)


def test_an_issuer_shows_a_page_and_nothing_else():
    for page in ("http://issuer.example.org/", "javascript:alert(1)", "\x1b]52;c;x\x07", None, ["https://x"]):
        with pytest.raises(ToolError, match="no https page"):
            oidc._prompt("https://issuer.example.org", {"verification_uri": page, "user_code": "A"})
    shown = oidc._prompt("https://issuer.example.org", {"verification_uri": "https://i/", "user_code": "\x1b[2J", "expires_in": 1e308})
    assert (shown.code, shown.seconds) == ("\ufffd[2J", 3600)


def test_a_client_reads_no_netrc_and_follows_nothing():
    with http.client() as one:
        assert (one.trust_env, one.follow_redirects) == (False, False)
        with pytest.raises(ToolError, match="not https"):
            one.get("http://127.0.0.1:1/")
        assert isinstance(one, httpx.Client)


@pytest.mark.integration
@pytest.mark.parametrize("charset", ["idna", "punycode", "unicode_escape", "hex", "undefined", "utf-7", "x" * 5000])
@pytest.mark.parametrize("status", ["400 Bad", "500 Wrong", "403 Forbidden", "200 OK"])
def test_words_in_any_writing_are_one_error(tmp_path, charset, status):
    def talk(connection, _head):
        body = b"xn--" + b"a" * 3000 + b"\xff\\ud800"
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nContent-Type: text/plain; charset={charset}\r\n\r\n"
        connection.sendall(head.encode() + body)

    with hostile(tmp_path, talk) as server, http.client(server.ca_file) as plain:
        site, jobs = unicore(server), queue(server)
        for ask in (
            lambda: site.state(f"{server.url}{JOB}"),
            lambda: site.files(f"{server.url}{JOB}"),
            lambda: jobs.find("x"),
            lambda: oidc._endpoint(plain, server.url, "token_endpoint"),
        ):
            survives(ask)
        jobs._http.close()


@pytest.mark.integration
def test_a_log_that_never_ends_does_not_hold_the_state_of_a_failed_job(tmp_path, monkeypatch):
    from esd_deploy.backends.nmpi import connection as nmpi

    from .servers import answer

    monkeypatch.setattr(nmpi, "_LOG_MOST", 10**6)

    def talk(connection, head):
        if "/log" not in head:
            connection.sendall(answer(b'{"id": 1, "status": "error"}'))
            return
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    with hostile(tmp_path, talk) as server:
        jobs = queue(server)
        assert jobs.state(f"{server.url}/jobs/1").status == "FAILED"
        jobs._http.close()


@pytest.mark.integration
def test_links_that_lead_to_another_host_are_not_asked_and_get_no_login(tmp_path):
    """Where the job's folder lies, as a site tells it, or its jobs."""
    with hostile(tmp_path, says(b"{}")) as other:
        elsewhere = f"{other.url}/SITE/rest/core/storages/1-uspace"
        links = {"workingDirectory": {"href": elsewhere}, "self": {"href": other.url}}
        document = {"status": "RUNNING", "tags": ["x"], "jobs": [f"{other.url}{JOB}"], "_links": links}
        with hostile(tmp_path, says(json.dumps(document).encode())) as server:
            site = unicore(server)
            for ask in (lambda: site.files(f"{server.url}{JOB}"), lambda: site.upload(f"{server.url}{JOB}", "a", b"x")):
                assert "no credentials are sent there" in survives(ask)
        assert other.heads == []
