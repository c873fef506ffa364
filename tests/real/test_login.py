"""The login of EBRAINS for real: Keycloak, a person at the browser, short tokens, an issuer that is away; at the real job queue."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.real.deploy import Deploy, ended
from tests.real.keycloak import Keycloak
from tests.real.person import Person
from tests.real.queue import RealQueue

pytestmark = pytest.mark.integration

USUAL = {"accessTokenLifespan": 300, "revokeRefreshToken": False, "refreshTokenMaxReuse": 0}
AWAY_S = 30
"""How long the issuer is away before it is started again, which takes it 10 to 20 s more."""
RESULT = "open('out.txt', 'w').write('seven')\n"
LONGEST_S = 600


def until_told(go: Path) -> str:
    """The text of a program that goes on until that file is there: the machine is this one."""
    return f"import os, time\nfor _ in range({LONGEST_S}):\n    if os.path.exists({str(go)!r}):\n        break\n    time.sleep(1)\n{RESULT}"


@pytest.fixture
def realm(keycloak: Keycloak) -> Iterator[Callable[..., None]]:
    """Changes the issuer's settings for one test."""
    yield keycloak.configure
    keycloak.configure(**USUAL)


@pytest.fixture
def deploy(real_queue: RealQueue, machine: object, tmp_path: Path) -> Deploy:
    """At the real queue, with the login that is kept."""
    site = (
        f"kind: nmpi\ndescription: a queue\nqueue_url: {real_queue.url}\nca_file: {real_queue.ca_file}\nbackend: nest\n"
        f"credentials: {{oidc: '{real_queue.keycloak.issuer}'}}\nnmpi: {{platform: Demo, collab: demo}}\n"
        "limits: {nodes: 1, time_s: 3600}\npoll_s: 1\n"
    )
    return Deploy(tmp_path, site)


@pytest.fixture
def person(keycloak: Keycloak) -> Person:
    return Person(keycloak)


@pytest.mark.parametrize(("token_s", "job_s"), [(30, 36), (60, 2)])
def test_short_tokens_are_accepted_and_renewed_only_near_their_end(realm, deploy, person, token_s, job_s) -> None:
    realm(accessTokenLifespan=token_s)
    deploy.log_in(person)
    before, began = person.keycloak.renewals(), time.monotonic()
    said = deploy("run", deploy.script(f"import time\ntime.sleep({job_s})\n{RESULT}"))
    assert person.forms == ["login", "consent"]
    assert "SUCCESSFUL" in said
    assert deploy.result("out.txt") == "seven"
    expected = (time.monotonic() - began) / (token_s * 3 / 4)
    assert person.keycloak.renewals() - before <= expected + 2


def test_refresh_tokens_that_may_be_used_once_serve_four_clients(realm, deploy, person) -> None:
    realm(accessTokenLifespan=10, revokeRefreshToken=True)
    deploy.log_in(person)
    script = deploy.script(f"import time\ntime.sleep(3)\n{RESULT}")
    begun = [deploy.begin("run", script) for _ in range(4)]
    assert all("SUCCESSFUL" in ended(one) for one in begun)
    assert len({record["job"]["url"] for record in deploy.records()}) == 4


def test_a_login_that_ends_in_mid_run_names_the_run_and_how_to_come_back(deploy, person, tmp_path) -> None:
    deploy.log_in(person)
    begun = deploy.begin("run", deploy.script(until_told(tmp_path / "go")))
    _until(lambda: [record for record in deploy.records() if record["status"] == "RUNNING"])
    person.keycloak.end_logins()
    said, (record,) = ended(begun, code=3), deploy.records()
    assert "ended the login (invalid_grant: " in said
    assert f"`esd-deploy attach {record['id']}`" in said

    (tmp_path / "go").touch()
    deploy.log_in(person)
    assert "SUCCESSFUL" in deploy("attach", record["id"])
    assert deploy.result("out.txt") == "seven"


def test_a_refused_login_shows_the_issuers_own_description(deploy, keycloak) -> None:
    said = deploy.log_in(Person(keycloak, "newcomer"), code=3)
    assert "the login was not confirmed (not_allowed: Offline tokens not allowed for the user or client)" in said


def test_a_client_that_the_issuer_does_not_know_is_said_in_its_words(deploy) -> None:
    begun = deploy.begin("login", "--client-id", "nobody")
    said = ended(begun, code=4)
    assert "refuses a login for client 'nobody' (invalid_client: " in said


def test_a_run_outlives_an_issuer_that_is_away(realm, deploy, person, keycloak, tmp_path) -> None:
    realm(accessTokenLifespan=30)
    deploy.log_in(person)
    begun = deploy.begin("run", deploy.script(until_told(tmp_path / "go")))
    _until(lambda: [record for record in deploy.records() if record["status"] == "RUNNING"])
    keycloak.stop()
    (tmp_path / "go").touch()
    time.sleep(AWAY_S)
    keycloak.start()
    assert "SUCCESSFUL" in ended(begun)
    assert deploy.result("out.txt") == "seven"


def _until(holds: Callable[[], object], seconds: float = LONGEST_S) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.2)
