"""A server whose clock is an hour off: a run goes as ever, its record has this machine's times, and a token is judged by who takes it."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import jwt
import pytest
from tests.sites.conftest import Deploy
from tests.sites.test_unicorex import SERVER, client, processes, until
from tests.sites.test_unicorex_faults import token, with_credentials, write_token

from esd_localsite.faults.board import Fault, FaultKind
from esd_localsite.state import lock
from esd_localsite.state.layout import Layout
from esd_localsite.state.options import Server, SiteOptions
from esd_localsite.state.status import SiteStatus
from esd_localsite.supervision.fault_switches import clear, inject

pytestmark = [pytest.mark.site, pytest.mark.long, pytest.mark.usefixtures("as_root")]
HOUR_S = 3600
OWN = "esd_localsite.front"


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that moves a clock."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    library = tmp_path_factory.mktemp("clock") / "clock_off.so"
    subprocess.run((compiler, "-shared", "-fPIC", "-o", library, Path(__file__).with_name("clock_off.c")), check=True)
    return library


@contextmanager
def clock_off(site: SiteStatus, server: Server, library: Path, seconds: int) -> Iterator[None]:
    """The site's server is started anew, as the supervisor starts it, with its clock off; as before afterwards."""
    word, kind = (SERVER, FaultKind.SERVER_DOWN) if server is Server.UNICOREX else (OWN, FaultKind.ENDPOINT_DOWN)
    (process,) = (Path(f"/proc/{found}") for found in processes(site, word))
    argv, given = ((process / name).read_bytes().decode().split("\0")[:-1] for name in ("cmdline", "environ"))
    account, readable = process.stat(), Layout(site.name).state / "clock_off.so"
    shutil.copy(library, readable)
    inject(site.name, Fault(kind=kind))
    into = ("nsenter", f"--target={lock.supervisor_pid(Layout(site.name))}", "--mount", "--pid", "--uts", "--net", "--")
    become = ("setpriv", f"--reuid={account.st_uid}", f"--regid={account.st_gid}", "--clear-groups", "--")
    moved = (*(word for word in given if word), f"LD_PRELOAD={readable}", f"CLOCK_OFF_S={seconds}")
    with subprocess.Popen((*into, *become, "env", "-i", *moved, *argv), stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT) as started:
        try:
            until(lambda: started.poll() is not None or takes_jobs(site), "the server does not answer")
            yield
        finally:
            for found in processes(site, word):
                os.kill(found, 9)
            started.wait()
            clear(site.name)


def takes_jobs(site: SiteStatus) -> bool:
    with suppress(httpx.HTTPError), client(site, site.username, site.password_file) as unicore:
        return unicore.get("factories").is_success and bool(unicore.get("factories").json().get("factories"))
    return False


PROGRAM = "import time\ntime.sleep(3)\nopen('result.txt', 'w').write('done')\nprint('said')\n"


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("seconds", [HOUR_S, -HOUR_S], ids=["ahead", "behind"])
def test_a_run_at_a_server_whose_clock_is_an_hour_off(
    deploy: Deploy,
    running_site: SiteStatus,
    site_options: SiteOptions,
    moved: Path,
    script: Callable[[str], Path],
    tmp_path: Path,
    seconds: int,
) -> None:
    image, path, held = ("--image", "nest:edge"), script(PROGRAM), tmp_path / "token"
    with clock_off(running_site, site_options.server, moved, seconds):
        begun = datetime.now(UTC)
        record = deploy.run(path, *image)
        ended = datetime.now(UTC)

        job = noted(running_site, record["job"]["url"])
        issued = token(running_site, 300)
        write_token(held, issued)
        by_token = with_credentials(deploy, running_site, "moved", f"token_file: {held}")
        tried = by_token("run", str(path), "--site", str(by_token.site_file), *image, code=0 if seconds > 0 else 3)

    with client(running_site, running_site.username, running_site.password_file) as unicore:
        assert unicore.get(record["job"]["url"]).json()["status"] == "SUCCESSFUL", "lost when the clock was right again"
    assert (record["status"], (deploy.folder(record) / "result.txt").read_text()) == ("SUCCESSFUL", "done")
    assert record["ending"]["kind"] == "succeeded"
    assert next(file for file in record["files"] if file["path"] == "result.txt")["checked"]
    assert all(begun <= datetime.fromisoformat(state["time"]) <= ended for state in record["states"])
    assert abs((job - begun).total_seconds() - seconds) < HOUR_S / 2, "its clock was not off"
    if seconds < 0:
        end = datetime.fromtimestamp(jwt.decode(issued, options={"verify_signature": False})["exp"], UTC)
        assert f"the token has expired (at {end:%H:%M:%S} UTC; it is" in tried.stderr


def noted(site: SiteStatus, job: str) -> datetime:
    """When the server says that the job was made."""
    with client(site, site.username, site.password_file) as unicore:
        answer = unicore.get(job)
        told = answer.json().get("submissionTime")
        return datetime.fromisoformat(told) if told else parsedate_to_datetime(answer.headers["Date"])
