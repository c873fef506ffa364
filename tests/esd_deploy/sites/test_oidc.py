"""The login at an OpenID Connect issuer, against a fake one in memory."""

import json
import stat
from urllib.parse import parse_qs

import httpx
import pytest

from esd_build.data.errors import ToolError, UsageError
from esd_deploy.sites import oidc

ISSUER = "https://iam.example.org/realms/x"


class Issuer:
    """Says `authorization_pending` a few times; gives a new refresh token with each access token, and takes each once."""

    def __init__(self, pending=2, *, rotates=True):
        self.pending, self.rotates = pending, rotates
        self.valid, self.given = set(), 0
        self.forms = []

    def client(self):
        return httpx.Client(transport=httpx.MockTransport(self.answer))

    def answer(self, request):
        if request.url.path.endswith("openid-configuration"):
            return httpx.Response(200, json={"token_endpoint": f"{ISSUER}/token", "device_authorization_endpoint": f"{ISSUER}/device"})
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        self.forms.append(form)
        if request.url.path.endswith("device"):
            return httpx.Response(
                200, json={"device_code": "d", "user_code": "ABCD", "verification_uri": f"{ISSUER}/go", "interval": 1, "expires_in": 60}
            )
        if form["grant_type"].endswith("device_code") and self.pending:
            self.pending -= 1
            return httpx.Response(400, json={"error": "slow_down" if self.pending == 0 else "authorization_pending"})
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] not in self.valid:
                return httpx.Response(400, json={"error": "invalid_grant"})
            if self.rotates:
                self.valid.discard(form["refresh_token"])
        return httpx.Response(200, json=self.tokens())

    def tokens(self):
        self.given += 1
        if not self.rotates and self.given > 1:
            return {"access_token": f"access-{self.given}"}
        self.valid.add(f"refresh-{self.given}")
        return {"access_token": f"access-{self.given}", "refresh_token": f"refresh-{self.given}"}


def log_in(issuer, where, waits=None):
    shown = []
    path = oidc.log_in(ISSUER, "esd", shown.append, http=issuer.client(), where=where, sleep=(waits if waits is not None else []).append)
    return path, shown


def test_a_login_is_confirmed_in_a_browser_and_kept_for_its_owner_only(tmp_path):
    waits = []
    path, shown = log_in(Issuer(), tmp_path / "logins", waits)

    assert (shown[0].url, shown[0].code) == (f"{ISSUER}/go", "ABCD")
    assert waits == [1, 1, 6]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("rotates", [True, False])
def test_each_token_is_fresh_and_the_newest_refresh_token_is_kept(tmp_path, rotates):
    issuer = Issuer(0, rotates=rotates)
    path, _ = log_in(issuer, tmp_path)

    found = [oidc.access_token(ISSUER, http=issuer.client(), where=tmp_path) for _ in range(3)]

    assert found == ["access-2", "access-3", "access-4"]
    assert json.loads(path.read_text())["refresh_token"] == ("refresh-4" if rotates else "refresh-1")


def test_without_a_login_there_is_no_token(tmp_path):
    assert oidc.access_token(ISSUER, where=tmp_path) is None


def test_a_login_that_the_issuer_ended_says_so_and_shows_no_token(tmp_path):
    issuer = Issuer(0)
    log_in(issuer, tmp_path)
    issuer.valid.clear()

    with pytest.raises(UsageError, match="ended the login") as raised:
        oidc.access_token(ISSUER, http=issuer.client(), where=tmp_path)

    assert "refresh-" not in str(raised.value)


def test_a_refusal_shows_the_issuers_own_description(tmp_path):
    issuer = Issuer(0)
    issuer.tokens = lambda: {"error": "not_allowed", "error_description": "Offline tokens not allowed\x1b[2J"}

    with pytest.raises(UsageError, match="not_allowed: Offline tokens not allowed") as raised:
        log_in(issuer, tmp_path)

    assert "\x1b" not in str(raised.value)


@pytest.mark.parametrize("answer", [httpx.Response(503, json={"error": "down"}), httpx.Response(502, text="<html>bad gateway</html>")])
def test_an_issuer_that_is_down_has_ended_no_login(tmp_path, answer):
    issuer = Issuer(0)
    path, _ = log_in(issuer, tmp_path)
    kept = path.read_text()

    with pytest.raises(oidc.IssuerAwayError, match="try again later"):
        oidc.access_token(ISSUER, http=httpx.Client(transport=httpx.MockTransport(lambda _r: answer)), where=tmp_path)

    assert path.read_text() == kept


def test_an_issuer_that_is_not_there_shows_no_form(tmp_path):
    issuer = Issuer(0)
    log_in(issuer, tmp_path)

    def fail(request):
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(ToolError, match="does not answer") as raised:
        oidc.access_token(ISSUER, http=httpx.Client(transport=httpx.MockTransport(fail)), where=tmp_path)

    assert "refresh-" not in str(raised.value)


def test_a_token_endpoint_without_tls_gets_nothing(tmp_path):
    answers = {"token_endpoint": "http://iam.example.org/token", "device_authorization_endpoint": "http://iam.example.org/device"}
    http = httpx.Client(transport=httpx.MockTransport(lambda _r: httpx.Response(200, json=answers)))

    with pytest.raises(ToolError, match="https"):
        oidc.log_in(ISSUER, "esd", lambda _p: None, http=http, where=tmp_path)


def test_a_denied_login_says_so(tmp_path):
    issuer = Issuer()
    issuer.tokens = lambda: {"error": "access_denied"}
    issuer.pending = 0

    with pytest.raises(UsageError, match="access_denied"):
        log_in(issuer, tmp_path)
