"""The issuer: tokens as the unmodified pyunicore gets, uses and renews them; time that a test turns forward."""

import time
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from pyunicore.client import Client, Transport
from pyunicore.credentials import OIDCServerToken, OIDCToken

from esd_localsite.identity.oidc import GrantError, Issuer, signing_key

from .conftest import PASSWORD, USER

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


class Clock:
    now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return signing_key(tmp_path_factory.mktemp("key") / "oidc.pem")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def issuer(key, clock):
    return Issuer("https://h/S/oidc", key, access_seconds=60, refresh_seconds=600, clock=clock)


def test_a_token_stands_for_its_user_until_it_expires(issuer, clock):
    token = issuer.tokens("ada").access
    clock.now += 59
    assert issuer.user_of(token) == "ada"
    clock.now += 1
    assert issuer.user_of(token) is None


def test_a_refresh_token_gives_new_tokens_and_is_no_access_token(issuer, clock):
    old = issuer.tokens("ada")
    assert issuer.user_of(old.refresh) is None
    clock.now += 599
    assert issuer.user_of(issuer.refreshed(old.refresh).access) == "ada"
    clock.now += 1
    with pytest.raises(GrantError, match="invalid_grant"):
        issuer.refreshed(old.refresh)
    with pytest.raises(GrantError, match="invalid_grant"):
        issuer.refreshed(old.access)


def test_tokens_of_another_issuer_are_nothing_here(issuer, key, clock):
    other = Issuer("https://other/oidc", key, 60, 600, clock)
    assert issuer.user_of(other.tokens("ada").access) is None


def test_a_device_is_let_in_once_and_only_when_someone_said_so(issuer, clock):
    device, user_code = issuer.new_device()
    with pytest.raises(GrantError, match="authorization_pending"):
        issuer.redeem(device)
    assert not issuer.approve("", "ada")
    assert issuer.approve(user_code, "ada")
    assert issuer.user_of(issuer.redeem(device).access) == "ada"
    with pytest.raises(GrantError, match="invalid_grant"):
        issuer.redeem(device)
    late, user_code = issuer.new_device()
    clock.now += 601
    assert not issuer.approve(user_code, "ada")
    with pytest.raises(GrantError, match="expired_token"):
        issuer.redeem(late)


def test_codes_that_nobody_fetches_do_not_pile_up(issuer, clock):
    for _ in range(1000):
        issuer.new_device()
    with pytest.raises(GrantError, match="slow_down"):
        issuer.new_device()
    clock.now += 601
    issuer.new_device()


def test_the_key_is_kept_and_private(tmp_path):
    first = signing_key(tmp_path / "oidc.pem")
    assert (tmp_path / "oidc.pem").stat().st_mode & 0o777 == 0o600
    assert signing_key(tmp_path / "oidc.pem").private_numbers() == first.private_numbers()


@pytest.fixture
def oidc(endpoint):
    return endpoint.url.replace("/rest/core", "/oidc")


@pytest.fixture
def web(endpoint):
    with httpx.Client(verify=endpoint.verify) as client:
        yield client


pytest_integration = pytest.mark.integration


@pytest_integration
def test_discovery_leads_to_tokens_that_its_keys_verify(oidc, web):
    found = web.get(f"{oidc}/.well-known/openid-configuration").json()
    assert found["issuer"] == oidc
    form = {"grant_type": "password", "username": USER, "password": PASSWORD, "client_id": "any"}
    token = web.post(found["token_endpoint"], data=form).json()["access_token"]
    keys = jwt.PyJWKSet.from_dict(web.get(found["jwks_uri"]).json())
    claims = jwt.decode(token, keys[jwt.get_unverified_header(token)["kid"]], algorithms=["RS256"], issuer=oidc)
    assert claims["preferred_username"] == USER
    assert web.get(found["userinfo_endpoint"], headers={"Authorization": f"Bearer {token}"}).json()["preferred_username"] == USER
    assert web.get(found["userinfo_endpoint"], headers={"Authorization": "Bearer x"}).status_code == 401


@pytest_integration
@pytest.mark.parametrize("authentication", ["POST", "BASIC"])
def test_pyunicore_logs_in_through_the_issuer_and_renews(endpoint, oidc, tmp_path, monkeypatch, authentication):
    monkeypatch.setenv("SSL_CERT_FILE", str(endpoint.folder / "ca.pem"))  # its token request has no other way to be told
    config = {
        "oidc.endpoint": f"{oidc}/token",
        "oidc.username": USER,
        "oidc.password": PASSWORD,
        "oidc.clientID": "any",
        "oidc.clientSecret": "any",
        "oidc.authentication": authentication,
        "oidc.refreshTokenFile": str(tmp_path / "refresh"),
    }
    credential = OIDCServerToken(config)
    client = Client(Transport(credential, verify=endpoint.verify), endpoint.url)
    assert client.properties["client"]["authenticationMethod"] == "OAUTH"
    first = credential.token
    del config["oidc.password"]  # from now on the refresh token has to do
    assert credential.get_token() != first


@pytest_integration
def test_an_expired_token_is_refused_with_an_empty_403(start_endpoint, tmp_path):
    times = {"oidc_access_seconds": 1}
    for endpoint in start_endpoint(tmp_path, times=times):
        oidc, verify = endpoint.url.replace("/rest/core", "/oidc"), endpoint.verify
        form = {"grant_type": "password", "username": USER, "password": PASSWORD}
        token = httpx.post(f"{oidc}/token", data=form, verify=verify).json()["access_token"]
        transport = Transport(OIDCToken(token), verify=verify, use_security_sessions=False)
        client = Client(transport, endpoint.url, check_authentication=False)
        client.cache_time = 0
        end = time.monotonic() + 10
        while (answer := httpx.get(endpoint.url, headers={"Authorization": f"Bearer {token}"}, verify=verify)).status_code == 200:
            assert time.monotonic() < end
        assert (answer.status_code, answer.content) == (403, b"")
        with pytest.raises(httpx.HTTPError, match="403 Server Error"):
            client.access_info()


@pytest_integration
def test_a_person_lets_a_device_in_through_the_page(oidc, web):
    device = web.post(f"{oidc}/device", data={"client_id": "any"}).json()
    ask = {"grant_type": DEVICE, "device_code": device["device_code"]}
    assert web.post(f"{oidc}/token", data=ask).json() == {"error": "authorization_pending"}
    assert device["user_code"] in web.get(device["verification_uri_complete"]).text
    answer = {"user_code": device["user_code"], "username": USER, "password": "wrong"}
    assert web.post(device["verification_uri"], data=answer).status_code == 403
    assert web.post(device["verification_uri"], data={**answer, "password": PASSWORD}).status_code == 200
    assert "access_token" in web.post(f"{oidc}/token", data=ask).json()


@pytest_integration
def test_codes_go_to_this_server_only(oidc, web):
    login = {"username": USER, "password": PASSWORD}
    own = f"{'/'.join(oidc.split('/')[:3])}/auth"
    sent = web.post(f"{oidc}/auth", params={"redirect_uri": own}, data=login)
    assert sent.status_code == 302
    code = parse_qs(urlsplit(sent.headers["location"]).query)["code"][0]
    assert "access_token" in web.post(f"{oidc}/token", data={"grant_type": "authorization_code", "code": code}).json()
    assert web.post(f"{oidc}/auth", params={"redirect_uri": "https://evil.example/"}, data=login).status_code == 400


@pytest_integration
@pytest.mark.parametrize(
    "form", [{}, {"grant_type": "magic"}, {"grant_type": "password"}, {"grant_type": "refresh_token", "refresh_token": "x"}]
)
def test_other_token_requests_are_refused(oidc, web, form):
    answer = web.post(f"{oidc}/token", data=form)
    assert answer.status_code == 400
    assert answer.json()["error"] in {"unsupported_grant_type", "invalid_grant"}
