"""Tokens of a local site's issuer, for its queue."""

from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest

from esd_build.data.errors import ToolError
from esd_deploy.sites import local_token

ISSUER = "https://local.example.org/LOCAL/oidc"


def tokens(answer: httpx.Response, asked: list[httpx.Request]):
    def issuer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answer

    return local_token.tokens(ISSUER, "esd", "pass word", Path("ca.pem"), http=httpx.Client(transport=httpx.MockTransport(issuer)))


def test_the_password_becomes_a_token():
    asked: list[httpx.Request] = []
    assert tokens(httpx.Response(200, json={"access_token": "opaque"}), asked).bearer() == "opaque"
    assert str(asked[0].url) == f"{ISSUER}/token"
    assert parse_qs(asked[0].content.decode())["password"] == ["pass word"]


@pytest.mark.parametrize("answer", [httpx.Response(401), httpx.Response(200, text="<html>"), httpx.Response(200, json={})])
def test_no_token_is_said_without_the_password(answer):
    answer.request = httpx.Request("POST", ISSUER)
    with pytest.raises(ToolError, match="gives no token") as raised:
        tokens(answer, []).bearer()
    assert "pass word" not in str(raised.value)
