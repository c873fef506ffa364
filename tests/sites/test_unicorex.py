"""The real UNICORE/X with UNICORE's own TSI before the site's Slurm: what a few runs show.

`pytest tests/sites --server unicorex` runs all other tests of this folder on it too.
"""

import json
import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from esd_localsite import lifecycle
from esd_localsite.errors import LocalSiteError
from esd_localsite.faults.board import Fault, FaultKind
from esd_localsite.state.layout import Layout
from esd_localsite.state.plan import SitePlan
from esd_localsite.state.status import SiteStatus, State
from esd_localsite.supervision.fault_switches import inject

pytestmark = pytest.mark.site

WAIT_S = 120.0
IMAGE = ("--image", "nest:edge")
SERVER, TSI, FRONT = "eu.unicore.uas.UAS", "tsi_door.py", "esd_localsite.unicorex"


@pytest.fixture
def site(real_site: SiteStatus) -> SiteStatus:
    return real_site


@pytest.fixture
def unicore(site: SiteStatus) -> Iterator[httpx.Client]:
    with client(site, site.username, site.password_file) as web:
        yield web


def client(site: SiteStatus, user: str, password: Path) -> httpx.Client:
    verify = ssl.create_default_context(cafile=str(site.ca_file))
    login, accept = (user, password.read_text().strip()), {"Accept": "application/json"}
    return httpx.Client(base_url=f"{site.unicore_url}/", auth=login, verify=verify, headers=accept, timeout=60, trust_env=False)


def ended(unicore: httpx.Client, **job: object) -> tuple[dict[str, object], str]:
    """The job's last document, and its output."""
    made, deadline = unicore.post("jobs", json=job), time.monotonic() + WAIT_S
    assert made.status_code == 201, (made.status_code, made.text)
    url = made.headers["Location"]
    while (document := unicore.get(url).json())["status"] not in {"SUCCESSFUL", "FAILED"}:
        assert time.monotonic() < deadline, document
        time.sleep(0.2)
    folder = document["_links"]["workingDirectory"]["href"]
    return document, unicore.get(f"{folder}/files/stdout", headers={"Accept": "application/octet-stream"}).text


def processes(site: SiteStatus, word: str) -> list[int]:
    """The site's processes whose command line has the word."""
    state, found = str(Layout(site.name).state), []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if word in line and state in line:
            found.append(int(entry.parent.name))
    return found


def greet(context: ssl.SSLContext, port: int) -> bytes:
    """What is said to someone without a certificate; TLS 1.3 tells at the first read."""
    with socket.create_connection(("127.0.0.1", port)) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as encrypted:
        return encrypted.recv(100)


def until(what, said: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while not what():
        assert time.monotonic() < deadline, said
        time.sleep(0.2)


def test_it_is_the_real_one_and_every_part_answers(site: SiteStatus, unicore: httpx.Client) -> None:
    core = unicore.get(str(site.unicore_url)).json()
    assert core["server"]["version"] == "10.2.0"
    assert core["server"]["externalConnections"]["TSI 1"].startswith("OK")
    assert core["_links"]["jobs"]["href"] == f"{site.unicore_url}/jobs"
    looked = lifecycle.look(site.name)
    assert looked.usable, looked.answers
    assert "tsi" in looked.answers


def test_jobs_are_the_users_own_and_see_a_clean_environment(site: SiteStatus, unicore: httpx.Client) -> None:
    for where in ({}, {"Job type": "ON_LOGIN_NODE"}):
        document, said = ended(unicore, Executable="bash", Arguments=["-c", "'id -un; env'"], **where)
        assert document["status"] == "SUCCESSFUL", document
        lines = said.splitlines()
        variables = {line.partition("=")[0] for line in lines[1:]}
        assert lines[0] == site.username
        assert {"SCRATCH", "HOME"} <= variables
        assert not variables & {"PYTHONPATH", "PYTHONUNBUFFERED", "VIRTUAL_ENV"}
        assert ("SSL_CERT_FILE" in variables) is bool(where)


def test_a_second_user_has_an_account_of_their_own_and_sees_nothing_of_the_first(site: SiteStatus, unicore: httpx.Client) -> None:
    document, _ = ended(unicore, Executable="true")
    with client(site, "ada", Layout(site.name).password_of("ada")) as ada:
        assert ended(ada, Executable="id -un", **{"Job type": "ON_LOGIN_NODE"})[1] == "ada\n"
        assert ada.get(document["_links"]["self"]["href"]).status_code == 403
        assert document["_links"]["self"]["href"] not in ada.get("jobs").json()["jobs"]


def test_a_token_of_the_sites_issuer_opens_the_server(site: SiteStatus) -> None:
    verify = ssl.create_default_context(cafile=str(site.ca_file))
    form = {"grant_type": "password", "username": site.username, "password": site.password_file.read_text().strip()}
    token = httpx.post(f"{site.oidc_url}/token", data=form, verify=verify, trust_env=False).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    core = httpx.get(str(site.unicore_url), headers=headers, verify=verify, trust_env=False, timeout=30).json()
    assert (core["client"]["authenticationMethod"], core["client"]["xlogin"]["UID"]) == ("OAUTH", site.username)


def test_the_tsi_obeys_nobody_but_the_server(site: SiteStatus, unicore: httpx.Client) -> None:
    plan = SitePlan.read(Layout(site.name))
    assert plan is not None
    before = processes(site, TSI)[0]
    assert plan.ports.tsi is not None
    with socket.create_connection(("127.0.0.1", plan.ports.tsi)) as rude:
        rude.sendall(b"newtsiprocess 1\n")
        with suppress(ConnectionResetError):
            assert rude.recv(100)[:2] != b"OK"
    anonymous = ssl.create_default_context(cafile=str(site.ca_file))
    with pytest.raises(OSError, match=r"(?i)certificate|reset|broken"):
        greet(anonymous, plan.ports.tsi)
    assert processes(site, TSI)[0] == before
    assert ended(unicore, Executable="true")[0]["status"] == "SUCCESSFUL"


def test_faults_of_the_other_server_are_refused(site: SiteStatus, as_root: None) -> None:
    with pytest.raises(LocalSiteError, match="UNICORE/X has no such switch"):
        inject(site.name, Fault(kind=FaultKind.SBATCH_FAILS))


PROGRAM = """
import pathlib, time
print("began", flush=True)
pathlib.Path("began").touch()
while not pathlib.Path("go").exists():
    time.sleep(0.2)
pathlib.Path("result.bin").write_bytes(bytes(range(256)) * 4000)
"""


def test_a_run_on_two_nodes_outlives_server_tsi_and_front(site: SiteStatus, offer, script, as_root: None) -> None:
    """Each is killed by SIGKILL in the middle; the supervisor starts it anew, the waiting client goes on, nothing is lost."""
    deploy_there = offer(site)
    command = deploy_there.command("run", str(script(PROGRAM)), "--site", str(deploy_there.site_file), *IMAGE, "--nodes", "2", "--json")
    with subprocess.Popen(command, cwd=deploy_there.runs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        uspace = Layout(site.name).uspace
        until(lambda: list(uspace.glob("*/began")) or process.poll() is not None, "the program did not begin")
        for word in (SERVER, TSI, FRONT):
            (old, *_) = processes(site, word)
            os.kill(old, signal.SIGKILL)
            until(lambda: processes(site, word) and old not in processes(site, word), f"{word} was not started anew")  # noqa: B023
        (began,) = uspace.glob("*/began")
        began.with_name("go").touch()
        said, complained = process.communicate(timeout=300)
    assert process.returncode == 0, complained
    record = json.loads(said)
    assert (record["status"], record["ranks"]) == ("SUCCESSFUL", 2)
    assert (deploy_there.folder(record) / "result.bin").read_bytes() == bytes(range(256)) * 4000
    assert lifecycle.look(site.name).state is State.RUNNING
    with client(site, site.username, site.password_file) as unicore:
        assert len(unicore.get("jobs", params={"tags": record["id"]}).json()["jobs"]) == 1


@pytest.mark.parametrize("kind", [FaultKind.TSI_DOWN, FaultKind.SERVER_DOWN])
def test_a_part_that_is_away_for_a_while_comes_back(site: SiteStatus, unicore: httpx.Client, as_root: None, kind: FaultKind) -> None:
    inject(site.name, Fault(kind=kind, seconds=1))
    until(lambda: ended(unicore, Executable="true")[0]["status"] == "SUCCESSFUL", "no job succeeded again")
