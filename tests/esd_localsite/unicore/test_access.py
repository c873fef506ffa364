"""Who gets in, seen with the unmodified pyunicore."""

import httpx
import pytest
from pyunicore.client import Client, Transport
from pyunicore.credentials import Anonymous, AuthenticationFailedException, OIDCToken

pytestmark = pytest.mark.integration


def test_a_wrong_password(endpoint):
    with pytest.raises(httpx.HTTPError, match="403"):
        Client(endpoint.transport("falsch"), endpoint.url)


def test_the_anonymous_see_empty_lists(endpoint):
    anonymous = Client(Transport(Anonymous(), verify=endpoint.verify), endpoint.url)
    assert anonymous.access_info()["role"]["selected"] == "anonymous"
    assert anonymous.get_jobs() == []
    with pytest.raises(httpx.HTTPError, match="403"):
        anonymous.new_job({})
    anonymous.check_authentication = True
    with pytest.raises(AuthenticationFailedException):
        anonymous.assert_authentication()


def test_an_issued_token_logs_in(endpoint, client):
    token = client.issue_auth_token(lifetime=60)
    assert Client(Transport(OIDCToken(token), verify=endpoint.verify), endpoint.url).access_info()["dn"] == client.access_info()["dn"]


def test_the_certificate_is_verified(endpoint):
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(endpoint.url)
