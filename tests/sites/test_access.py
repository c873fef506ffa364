"""How a caller gets in, for real: a login by a device code whose tokens are renewed, and a site that is found by its name in a registry."""

import json
import threading

import httpx
import pytest
from tests.sites.conftest import mpi_lines

from esd_deploy.sites import oidc

pytestmark = pytest.mark.site


@pytest.fixture
def base(running_site):
    """The UNICORE server: https://HOST:PORT/SITE."""
    return running_site.unicore_url.removesuffix("/rest/core")


def site_file(folder, running_site, *lines):
    path = folder / "here.yaml"
    common = (
        "kind: unicore",
        "description: the site, by another way in",
        f"registry: {running_site.registry}",
        f"ca_file: {running_site.ca_file}",
        *mpi_lines(running_site.launcher),
        "limits: {nodes: 2, time_s: 600}",
        "poll_s: 1",
    )
    path.write_text("\n".join((*common, *lines)) + "\n")
    return path


def confirm(base, running_site, code):
    """What the user does in a browser."""
    form = {"user_code": code, "username": running_site.username, "password": running_site.password_file.read_text().strip()}
    with oidc.client(running_site.ca_file) as browser:
        assert browser.post(f"{base}/oidc/verify", data=form).status_code == 200


def test_a_login_by_device_code_gives_tokens_that_are_renewed(base, running_site, deploy, tmp_path, monkeypatch):
    monkeypatch.setenv("ESD_STATE_DIR", str(tmp_path))
    shown = []
    asked = threading.Event()
    login = threading.Thread(
        target=oidc.log_in,
        args=(f"{base}/oidc", "esd", lambda prompt: (shown.append(prompt), asked.set())),
        kwargs={"ca_file": running_site.ca_file},
    )
    login.start()
    assert asked.wait(30)
    confirm(base, running_site, shown[0].code)
    login.join(60)

    first, second = (oidc.access_token(f"{base}/oidc", ca_file=running_site.ca_file) for _ in range(2))
    site = site_file(tmp_path, running_site, f"url: {base}/rest/core", f"credentials: {{oidc: '{base}/oidc'}}")
    probe = json.loads(deploy("site", "probe", str(site), "--no-compute", "--json").stdout)["probe"]

    assert first
    assert second
    assert probe["login_host"] == "login"
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and first.encode() in path.read_bytes()]
    assert kept == []


def test_a_site_is_found_by_its_name_in_the_registry(base, running_site, deploy, tmp_path, monkeypatch):
    name = base.rsplit("/", 1)[-1]
    lines = (f"unicore_registry: {base}/rest/registries/default_registry", "credentials: {token_file: " + str(tmp_path / "token") + "}")
    with oidc.client(running_site.ca_file) as http:
        answer = http.get(
            f"{running_site.unicore_url}/token",
            auth=httpx.BasicAuth(running_site.username, running_site.password_file.read_text().strip()),
            headers={"Accept": "text/plain"},
        )
    (tmp_path / "token").write_text(answer.text)
    (tmp_path / "token").chmod(0o600)

    found = deploy("site", "probe", str(site_file(tmp_path, running_site, *lines, f"unicore_site: {name}")), "--no-compute", "--json")
    assert json.loads(found.stdout)["probe"]["login_host"] == "login"

    wrong = deploy("site", "probe", str(site_file(tmp_path, running_site, *lines, f"unicore_site: {name}X")), code=3)
    assert f"did you mean '{name}'?" in wrong.stderr
