"""A login of Keycloak at the real UNICORE/X: device code, short tokens, rotation. The site's server is told to trust that issuer."""

import os
import re
import signal
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from tests.real.deploy import Deploy, ended
from tests.real.keycloak import Keycloak
from tests.real.person import Person

from esd_localsite import lifecycle
from esd_localsite.state.files import write
from esd_localsite.state.layout import Layout
from esd_localsite.state.options import SiteOptions, Speed
from esd_localsite.state.status import SiteStatus
from esd_localsite.unicorex.places import Places

pytestmark = [pytest.mark.site, pytest.mark.integration]

SERVER = b"eu.unicore.uas.UAS"
RESULT = "open('out.txt', 'w').write('seven')\n"
WAIT_S = 300
MODULE = "test/1"
"""A run without an image wants one; this one changes nothing."""


@pytest.fixture(scope="module")
def site(local_site_possible: None, real_server: SiteOptions, keycloak: Keycloak) -> Iterator[SiteStatus]:
    name = f"pytest-{os.getpid()}-k"
    try:
        status = lifecycle.up(name, options=real_server.model_copy(update={"speed": Speed.CI}))
        place = Layout(name).modulefiles / MODULE
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("#%Module1.0\n")
        trust(status, keycloak)
        yield status
    finally:
        lifecycle.down(name, purge=True)


def trust(site: SiteStatus, keycloak: Keycloak) -> None:
    """Have the server ask Keycloak who a token's user is; the supervisor starts it again."""
    places = Places(Layout(site.name))
    owner, settings = places.main.stat().st_uid, places.main.read_text()
    asked = re.sub(r"(\.OAUTH\.address=).*", rf"\1{keycloak.issuer}/protocol/openid-connect/userinfo", settings)
    assert asked != settings
    write(places.main, asked, mode=0o400, owner=owner)
    write(places.trusted / "keycloak.pem", keycloak.authority.ca_file.read_bytes())
    state = str(places.layout.state).encode()
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        line = entry.read_bytes() if entry.exists() else b""
        if SERVER in line and state in line:
            os.kill(int(entry.parent.name), signal.SIGKILL)
    _until(lambda: lets_in(site, keycloak.token()))


def lets_in(site: SiteStatus, token: str) -> bool:
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    with httpx.Client(verify=ssl.create_default_context(cafile=site.ca_file), headers=headers, trust_env=False, timeout=30) as web:
        try:
            answer = web.get(str(site.unicore_url))
        except httpx.HTTPError:
            return False
    told = answer.is_success and answer.headers.get("content-type", "").startswith("application/json")  # a server that starts says less
    return told and answer.json()["client"]["xlogin"].get("UID") == site.username


@pytest.fixture
def deploy(site: SiteStatus, keycloak: Keycloak, tmp_path: Path) -> Iterator[Deploy]:
    """With one file of certificates for the site and its issuer, and tokens of 30 s that may be renewed once."""
    keycloak.configure(accessTokenLifespan=30, revokeRefreshToken=True, refreshTokenMaxReuse=0)
    trusted = tmp_path / "ca.pem"
    trusted.write_bytes(site.ca_file.read_bytes() + keycloak.authority.ca_file.read_bytes())
    text = (
        f"kind: unicore\ndescription: a site\nurl: {site.unicore_url}\nregistry: {site.registry}\nca_file: {trusted}\n"
        f"credentials: {{oidc: '{keycloak.issuer}'}}\nmodules: [{MODULE}]\nmpi: pmix\nlimits: {{nodes: 2, time_s: 3600}}\npoll_s: 1\n"
    )
    yield Deploy(tmp_path, text)
    keycloak.configure(accessTokenLifespan=300, revokeRefreshToken=False)


def test_runs_at_the_real_server_by_a_login_of_short_tokens(deploy: Deploy, keycloak: Keycloak) -> None:
    person = Person(keycloak)
    deploy.log_in(person)
    before, began = keycloak.renewals(), time.monotonic()
    script = deploy.script(f"import time\ntime.sleep(35)\n{RESULT}")
    begun = [deploy.begin("run", script, "--mode", "login") for _ in range(2)]
    assert all("SUCCESSFUL" in ended(one) for one in begun)
    for record in deploy.records():
        assert (deploy.folder / "runs" / record["id"] / "out.txt").read_text() == "seven"
    # Each of the two clients renews its own, in the last quarter of 30 s.
    assert keycloak.renewals() - before <= 2 * ((time.monotonic() - began) / 22.5 + 2)


def _until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.5)
