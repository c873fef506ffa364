"""The registry's token service: who gets what, and what a token holds."""

import asyncio
import base64
import json
import os
from pathlib import Path

import jwt
import pytest
from cryptography import x509
from starlette.applications import Starlette

from esd_build.registry.credentials import Credentials
from esd_localsite.cluster import certificates, registry
from esd_localsite.errors import LocalSiteError
from esd_localsite.identity.users import UserEntry
from esd_localsite.login.__main__ import answer_once
from esd_localsite.login.config import LoginConfig
from esd_localsite.login.service import Door, create_app
from esd_localsite.login.tokens import Signer, granted
from esd_localsite.state.layout import Layout, TlsFiles
from esd_localsite.state.plan import SitePlan

PUSH = "repository:esd/nest:pull,push"
ENTRY = UserEntry.of("right", "pusher")


@pytest.mark.parametrize(
    ("scope", "may_write", "actions"),
    [
        (PUSH, False, ["pull"]),
        (PUSH, True, ["pull", "push"]),
        ("repository:esd/nest:push", False, []),
        ("repository:esd/nest:*", False, ["pull"]),
        ("repository:esd/nest:*", True, ["delete", "pull", "push"]),
        ("repository:host:5000/nest:pull", False, ["pull"]),
        ("repository:esd/nest:PUSH,rm -rf", True, []),
        ("registry:catalog:*", False, ["*"]),
    ],
)
def test_anybody_may_read_and_one_may_write(scope: str, actions: list[str], *, may_write: bool) -> None:
    (access,) = granted([scope], may_write=may_write)
    assert access["actions"] == actions


@pytest.mark.parametrize("scope", ["", ":", "::", "registry:everything:*", "repository::push", "plugin:x:push", "x" * 10_000, "\0"])
def test_what_is_no_scope_is_left_out(scope: str) -> None:
    assert granted([scope], may_write=True) == ()


def ask(app: Starlette, query: str = "", authorization: str | None = None) -> tuple[int, dict[str, object]]:
    """Status and document of the service's answer."""
    said: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b""}

    async def send(message: object) -> None:
        assert isinstance(message, dict)
        said.append(message)

    headers = [(b"authorization", authorization.encode())] if authorization else []
    scope = {"type": "http", "method": "GET", "path": "/token", "query_string": query.encode(), "headers": headers, "client": ("a", 1)}
    asyncio.run(app(scope, receive, send))
    status, body = said[0]["status"], said[1]["body"]
    assert isinstance(status, int)
    assert isinstance(body, bytes)
    return status, json.loads(body)


@pytest.fixture
def tls(tmp_path: Path) -> TlsFiles:
    files = TlsFiles(tmp_path)
    certificates.issue(certificates.certificate_authority(files), files, "registry", os.geteuid())
    return files


@pytest.fixture
def app(tls: TlsFiles) -> Starlette:
    return create_app(Door("pusher", ENTRY), Signer(tls.certificate("registry").read_bytes(), tls.key("registry").read_bytes()))


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@pytest.mark.parametrize(("login", "actions"), [(None, ["pull"]), (basic("pusher", "right"), ["pull", "push"])])
def test_a_token_is_signed_with_a_key_of_the_sites_authority(app: Starlette, tls: TlsFiles, login: str | None, actions: list[str]) -> None:
    status, document = ask(app, f"service=x&scope={PUSH}", login)
    token = str(document["token"])
    assert (status, document["expires_in"]) == (200, 300)
    shown = x509.load_der_x509_certificate(base64.b64decode(jwt.get_unverified_header(token)["x5c"][0]))
    shown.verify_directly_issued_by(x509.load_pem_x509_certificate(tls.ca.read_bytes()))
    claims = jwt.decode(token, shown.public_key(), algorithms=["ES256"], audience="esd-localsite-registry", issuer="esd-localsite")  # type: ignore[arg-type]
    assert claims["access"] == [{"type": "repository", "name": "esd/nest", "actions": actions}]


@pytest.mark.parametrize(
    "login", [basic("pusher", "wrong"), basic("root", "right"), basic("", ""), "Basic ???", "Bearer x", "x", "Basic " + "A" * 5000]
)
def test_a_wrong_account_is_refused_and_not_taken_for_nobody(app: Starlette, login: str) -> None:
    status, document = ask(app, f"scope={PUSH}", login)
    assert status == 401
    assert "token" not in document


def test_a_guesser_gets_no_hash_of_each_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    monkeypatch.setattr(UserEntry, "accepts", lambda _self, password: hashed.append(password) or False)
    door = Door("pusher", ENTRY)
    assert {door.name_of(basic("pusher", str(number)), "a") for number in range(100)} == {None}
    assert len(hashed) < 10


def test_what_answers_once_answers(app: Starlette) -> None:
    asyncio.run(answer_once(app))


def test_the_account_is_made_once_and_for_the_eyes_of_one(tmp_path: Path, plan: SitePlan) -> None:
    layout = Layout("demo", tmp_path)
    layout.state.mkdir()
    account = registry.keep_account(layout, None)
    assert registry.keep_account(layout, None) == account
    assert layout.registry_login.stat().st_mode & 0o777 == 0o600
    assert Credentials.read(layout.registry_login).password == account.password
    told = registry.login_config(layout, plan, account)
    assert account.password not in told.model_dump_json()
    assert told.entry.accepts(account.password)
    layout.registry_login.write_text("{")
    with pytest.raises(LocalSiteError, match="remove it"):
        registry.keep_account(layout, None)


def test_a_broken_configuration_is_told_without_its_values(tmp_path: Path) -> None:
    (tmp_path / "login.json").write_text('{"entry": "the hash"}')
    with pytest.raises(LocalSiteError, match="cannot read") as error:
        LoginConfig.read(tmp_path / "login.json")
    assert "the hash" not in str(error.value)
