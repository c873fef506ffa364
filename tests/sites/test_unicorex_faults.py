"""What goes wrong at the real UNICORE/X: parts killed under load, tokens that end, a full disk, an account of two users."""

import hashlib
import os
import random
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.sites.conftest import Deploy
from tests.sites.test_unicorex import IMAGE, SERVER, TSI, client, ended, processes, until

from esd_deploy.backends.unicore.connection import UnicoreConnection
from esd_deploy.plans.job import JobDescription
from esd_deploy.runs import results, submission
from esd_deploy.runs.patience import patiently
from esd_deploy.sites.endpoint import Credentials, Endpoint
from esd_localsite.faults.board import Fault, FaultKind
from esd_localsite.state import lock
from esd_localsite.state.layout import Layout
from esd_localsite.state.status import SiteStatus
from esd_localsite.supervision.fault_switches import clear, inject
from esd_localsite.unicorex.configuration import accounts_document
from esd_localsite.unicorex.places import Places
from esd_localsite.unicorex.preparation import groups_of

pytestmark = [pytest.mark.site, pytest.mark.long, pytest.mark.usefixtures("as_root")]
LARGE = random.Random(7).randbytes(150_000_000)
AT_ONCE = 6


@pytest.fixture
def connection(real_site: SiteStatus) -> UnicoreConnection:
    """As a run has one."""
    secret = real_site.password_file.read_text().strip()
    assert real_site.unicore_url
    return UnicoreConnection.open(Endpoint(real_site.unicore_url, "", real_site.ca_file, Credentials(secret, real_site.username), ""))


def kill(site: SiteStatus, word: str) -> None:
    """One part, by SIGKILL; the supervisor starts it anew."""
    for process in processes(site, word):
        os.kill(process, signal.SIGKILL)


def size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def uspace(site: SiteStatus, job: str) -> Path:
    return Layout(site.name).uspace / job.rpartition("/")[2]


def test_a_server_that_is_killed_in_an_upload_and_a_download_loses_nothing(
    real_site: SiteStatus, connection: UnicoreConnection, tmp_path: Path
) -> None:
    retry = patiently()
    job = submission.create(connection, JobDescription(Tags=["large"], haveClientStageIn="true"), "large", retry)
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(submission.stage, connection, job, {"large.bin": LARGE}, retry)
        there = uspace(real_site, job) / "large.bin"
        until(lambda: 0 < size(there) < len(LARGE) or sent.done(), "the upload did not begin")
        assert not sent.done(), "too fast to be cut off: make it larger"
        kill(real_site, SERVER)
        sent.result()
    assert hashlib.sha256(there.read_bytes()).digest() == hashlib.sha256(LARGE).digest()
    until(lambda: retry(connection.state, job).ended, "the job did not end")

    with ThreadPoolExecutor(1) as pool:
        came = pool.submit(results.fetch, connection, job, tmp_path, [], retry)
        until(
            lambda: any(0 < size(part) < len(LARGE) for part in tmp_path.glob(".large.bin*")) or came.done(), "the download did not begin"
        )
        assert not came.done(), "too fast to be cut off: make it larger"
        kill(real_site, SERVER)
        assert came.result().missing == ()
    assert (tmp_path / "large.bin").read_bytes() == LARGE
    retry(connection.delete, job)


PROGRAM = (
    "import os\nopen('ran.txt', 'a').write(os.environ['SLURM_JOB_ID'] + '\\n')\nopen('out.bin', 'wb').write(bytes(range(256)) * 1000)\n"
)


@pytest.fixture
def deploy_there(real_site: SiteStatus, offer: Callable[[SiteStatus], Deploy]) -> Deploy:
    return offer(real_site)


def test_a_tsi_that_is_killed_under_load_loses_no_run_and_doubles_none(
    real_site: SiteStatus, deploy_there: Deploy, script: Callable[[str], Path]
) -> None:
    path = script(PROGRAM)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = [pool.submit(deploy_there.run, path, *IMAGE, "--tag", "load") for _ in range(AT_ONCE)]
        for _ in range(3):
            time.sleep(5)
            kill(real_site, TSI)
        records = [run.result() for run in runs]
    assert [record["status"] for record in records] == ["SUCCESSFUL"] * AT_ONCE
    for record in records:
        assert (deploy_there.folder(record) / "out.bin").read_bytes() == bytes(range(256)) * 1000
        assert len((deploy_there.folder(record) / "ran.txt").read_text().splitlines()) == 1


def inside(site: SiteStatus, *command: str) -> None:
    """A command in the site's own view of the file system."""
    supervisor = lock.supervisor_pid(Layout(site.name))
    subprocess.run(("nsenter", f"--target={supervisor}", "--mount", "--pid", "--", *command), check=True)


DISK = """
set -e
case $1 in
  small) mkdir /tmp/kept; cp -a "$2/." /tmp/kept
    mount -t tmpfs -o "size=40m,mode=0700,uid=$3" db "$2"; cp -a /tmp/kept/. "$2"; rm -rf /tmp/kept ;;
  large) cp -a "$2" /tmp/kept; umount "$2"; cp -a /tmp/kept/. "$2"; rm -rf /tmp/kept ;;
  full) for size in 64k 4k 1; do dd if=/dev/zero "of=$2/full.$size" "bs=$size" 2>/dev/null || true; done ;;
  free) rm "$2"/full.* ;;
esac
"""


@pytest.fixture
def disk(real_site: SiteStatus) -> Iterator[Callable[[str], None]]:
    """The server's database on a disk of 40 MB of its own, with all that was in it; as before afterwards."""
    data = Places(Layout(real_site.name)).data
    owner = str(data.stat().st_uid)

    def make(state: str) -> None:
        inside(real_site, "sh", "-c", DISK, "disk", state, str(data), owner)

    def moved(state: str) -> None:
        inject(real_site.name, Fault(kind=FaultKind.SERVER_DOWN))
        make(state)
        clear(real_site.name)

    moved("small")
    yield make
    moved("large")


def submitted_until_refused(deploy: Deploy, path: Path) -> subprocess.CompletedProcess[str]:
    """The database's files have room of their own: the first jobs may still be taken."""
    command = deploy.command("submit", str(path), "--site", str(deploy.site_file), *IMAGE, "--tag", "full")
    for _ in range(20):
        finished = subprocess.run(command, cwd=deploy.runs, capture_output=True, text=True, check=False)
        if finished.returncode != 0:
            break
    assert finished.returncode == 4, finished.stderr
    return finished


def test_a_full_disk_of_the_servers_database_is_told_and_what_was_there_stays(
    real_site: SiteStatus, disk: Callable[[str], None], deploy_there: Deploy, script: Callable[[str], Path]
) -> None:
    with client(real_site, real_site.username, real_site.password_file) as unicore:
        before = ended(unicore, Executable="true")[0]["_links"]["self"]["href"]
        disk("full")
        refused = submitted_until_refused(deploy_there, script(PROGRAM))
        # It may still note the job, in what its files hold already, and can then make no folder for it.
        assert re.search(r"a disk at the site is full .*No space left|the job's folder is not there 120 s after", refused.stderr)
        disk("free")
        inject(real_site.name, Fault(kind=FaultKind.SERVER_DOWN, seconds=1))
        assert ended(unicore, Executable="true")[0]["status"] == "SUCCESSFUL"
        assert unicore.get(before).json()["status"] == "SUCCESSFUL"
    # What was noted in the last bytes may be lost to the server: the run is told, and kept, but its job may be none.
    assert "esd-deploy attach" in refused.stderr
    assert deploy_there.run(script(PROGRAM), *IMAGE)["status"] == "SUCCESSFUL"


def token(site: SiteStatus, lifetime_s: int) -> str:
    with client(site, site.username, site.password_file) as unicore:
        return unicore.get("token", params={"lifetime": lifetime_s}, headers={"Accept": "text/plain"}).text.strip()


def with_credentials(deploy: Deploy, site: SiteStatus, name: str, credentials: str) -> Deploy:
    """The commands for another caller at the same site."""
    lines = (
        *("kind: unicore", f"description: the site, for {name}", f"url: {site.unicore_url}", f"registry: {site.registry}"),
        *(f"ca_file: {site.ca_file}", f"credentials: {{{credentials}}}", "mpi: pmix", "binds: [/tmp]"),
        *("limits: {nodes: 2, time_s: 3600, default_time_s: 600}", "poll_s: 1"),
    )
    file = deploy.site_file.with_name(f"{name}.yaml")
    file.write_text("\n".join(lines) + "\n")
    return Deploy(file, deploy.runs)


def write_token(file: Path, text: str) -> None:
    file.touch(mode=0o600)
    file.write_text(text)


def test_a_token_that_ends_within_a_run_is_read_again_from_its_file(
    real_site: SiteStatus, deploy_there: Deploy, script: Callable[[str], Path], tmp_path: Path
) -> None:
    held, path = tmp_path / "token", script("import time\ntime.sleep(40)\nopen('out.txt', 'w').write('done')\n")
    write_token(held, token(real_site, 30))
    by_token = with_credentials(deploy_there, real_site, "token", f"token_file: {held}")
    renewing = threading.Timer(25, lambda: write_token(held, token(real_site, 600)))
    renewing.start()
    record = by_token.run(path, *IMAGE, "--force")  # which a token that ends so soon needs
    renewing.join()
    assert (record["status"], (by_token.folder(record) / "out.txt").read_text()) == ("SUCCESSFUL", "done")


def test_two_users_of_one_account_run_side_by_side_and_see_nothing_of_each_other(
    real_site: SiteStatus, deploy_there: Deploy, script: Callable[[str], Path]
) -> None:
    """The server reads its list of accounts again when it changes."""
    accounts = Places(Layout(real_site.name)).accounts
    kept = accounts.read_text()
    secret = Layout(real_site.name).password_of("ada")
    other = with_credentials(deploy_there, real_site, "ada", f"username: ada, password_file: {secret}")
    try:
        accounts.write_text(accounts_document((real_site.username, "ada"), real_site.username, groups_of))
        path = script(PROGRAM + "import getpass\nopen('who.txt', 'w').write(getpass.getuser())\n")
        with ThreadPoolExecutor(2) as pool:
            records = list(pool.map(lambda deploy: deploy.run(path, *IMAGE, "--tag", "shared"), (deploy_there, other)))
        assert [(deploy_there.folder(record) / "who.txt").read_text() for record in records] == [real_site.username] * 2
        with client(real_site, "ada", secret) as ada:
            assert ada.get(records[0]["job"]["url"]).status_code == 403
            assert ada.get("jobs", params={"tags": "shared"}).json()["jobs"] == [records[1]["job"]["url"]]
    finally:
        accounts.write_text(kept)
