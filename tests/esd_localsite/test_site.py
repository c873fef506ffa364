"""The real local site: Slurm, munge, registry and UNICORE on this machine."""

import os
import pwd
import shlex
import ssl
import stat
import subprocess
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest

from esd_build.data.errors import UsageError
from esd_build.data.reference import ImageReference
from esd_build.registry import Credentials, Registry
from esd_localsite import lifecycle
from esd_localsite.commands.fault import clear, inject
from esd_localsite.errors import LocalSiteError
from esd_localsite.faults.board import Fault, FaultKind
from esd_localsite.state.layout import Layout
from esd_localsite.state.plan import SitePlan
from esd_localsite.state.programs import environment, run
from esd_localsite.state.status import SiteStatus, State
from esd_localsite.supervision import fault_switches

pytestmark = pytest.mark.integration


def srun(site: SiteStatus, *argv: str) -> list[str]:
    """What a job of the job user prints, line by line, in any order of its tasks."""
    user = pwd.getpwnam(site.username)
    finished = subprocess.run(
        ("srun", *argv),
        cwd=site.scratch,
        env=environment({"SLURM_CONF": str(site.slurm_conf), "HOME": user.pw_dir}),
        user=user.pw_uid if os.geteuid() == 0 else None,
        group=user.pw_gid if os.geteuid() == 0 else None,
        extra_groups=[] if os.geteuid() == 0 else None,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, f"{shlex.join(finished.args)}: {finished.stderr}"
    return finished.stdout.splitlines()


def test_a_job_runs_on_two_nodes_with_their_own_names(running_site: SiteStatus) -> None:
    assert sorted(srun(running_site, "-N2", "hostname")) == ["c1", "c2"]


def test_jobs_are_the_job_users(running_site: SiteStatus) -> None:
    submits = running_site.username if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    assert srun(running_site, "id", "-un") == [submits]


def test_nodes_reach_each_other_by_name_but_nothing_outside(running_site: SiteStatus) -> None:
    assert srun(running_site, "-w", "c1", "getent", "hosts", "c2")[0].split()[1] == "c2"
    routes = srun(running_site, "-N2", "ip", "route")
    assert len(routes) == 2
    assert not [route for route in routes if route.startswith("default")]


def test_nodes_do_not_share_tmp(running_site: SiteStatus) -> None:
    srun(running_site, "-w", "c1", "touch", "/tmp/only-on-c1", "/dev/shm/only-on-c1")
    assert srun(running_site, "-w", "c1", "ls", "/tmp", "/dev/shm").count("only-on-c1") == 2
    assert "only-on-c1" not in srun(running_site, "-w", "c2", "ls", "/tmp", "/dev/shm")


def test_pmix_is_what_starts_mpi_programs(running_site: SiteStatus) -> None:
    variables = srun(running_site, "-N2", "-n2", "--mpi=pmix", "printenv", "PMIX_RANK")
    assert sorted(variables) == ["0", "1"]


def test_the_registry_answers_the_login_side_with_a_certificate_of_the_site(running_site: SiteStatus) -> None:
    url = f"https://{running_site.registry}/v2/"
    assert httpx.get(url, verify=context(running_site), trust_env=False).status_code == 401
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(url, trust_env=False)


def test_anybody_may_pull_from_the_registry_and_one_account_may_push(running_site: SiteStatus, tmp_path: Path) -> None:
    image = tmp_path / "x.sif"
    image.write_bytes(b"no image, but bytes of one")
    reference = ImageReference.parse(f"{running_site.registry}/esd/pushed:1")
    strangers = (None, Credentials("pusher", "wrong"), Credentials(running_site.username, running_site.password_file.read_text().strip()))
    for account in strangers:
        with pytest.raises(UsageError, match=r"wants a login|refuses the account"):
            Registry(reference.registry, ca_file=running_site.ca_file, credentials=account).push(image, reference, {})
    assert running_site.registry_login_file is not None
    own = Credentials.read(running_site.registry_login_file)  # refuses a file that others can read
    published = Registry(reference.registry, ca_file=running_site.ca_file, credentials=own).push(image, reference, {})
    anybody = Registry(reference.registry, ca_file=running_site.ca_file)
    assert anybody.resolve(reference) == published
    assert anybody.pull(published, tmp_path / "back.sif").read_bytes() == image.read_bytes()


def test_the_sites_servers_listen_on_loopback_or_on_its_own_network_only(running_site: SiteStatus) -> None:
    plan = SitePlan.read(Layout(running_site.name))
    assert plan is not None
    wanted = dict.fromkeys((plan.ports.registry, plan.ports.login, plan.ports.unicore), "127.0.0.1")
    wanted[plan.ports.slurmctld] = str(plan.address("login"))
    assert {port: address for port, address in listening() if port in wanted} == wanted


def listening() -> Iterator[tuple[int, str]]:
    """Port and IPv4 address of each socket of this machine that takes connections."""
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            address, port = line.split()[1].split(":")
            if line.split()[3] == "0A":
                yield int(port, 16), str(ip_address(bytes.fromhex(address)[::-1])) if table == "tcp" else "::"


def context(site: SiteStatus) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(site.ca_file))


def test_the_registry_cannot_be_reached_from_the_nodes(running_site: SiteStatus) -> None:
    assert running_site.registry is not None
    port = running_site.registry.rpartition(":")[2]
    attempt = f"for host in 127.0.0.1 login; do (exec 3<>/dev/tcp/$host/{port}) 2>/dev/null && echo reached $host; done; true"
    assert srun(running_site, "-N2", "bash", "-c", attempt) == []


def test_the_unicore_endpoint_knows_the_password(running_site: SiteStatus) -> None:
    assert running_site.unicore_url is not None
    login = (running_site.username, running_site.password_file.read_text().strip())
    answer = httpx.get(running_site.unicore_url, auth=login, verify=context(running_site), trust_env=False)
    assert answer.status_code == 200
    assert answer.json()["client"]["xlogin"]["UID"] == running_site.username
    wrong = httpx.get(running_site.unicore_url, auth=(running_site.username, "no"), verify=context(running_site), trust_env=False)
    assert wrong.status_code in {401, 403}


def test_secrets_are_private(running_site: SiteStatus) -> None:
    layout = Layout(running_site.name)
    secret = (layout.password, layout.users, layout.munge / "key", layout.tls.ca_key, layout.tls.key("registry"), layout.tls.key("unicore"))
    assert {path.name for path in secret if stat.S_IMODE(path.stat().st_mode) & 0o077} == set()


def test_up_on_the_running_site_changes_nothing(running_site: SiteStatus) -> None:
    supervisor = Layout(running_site.name).lock.read_text()
    assert lifecycle.up(running_site.name) == running_site
    assert Layout(running_site.name).lock.read_text() == supervisor
    assert lifecycle.status(running_site.name).state is State.RUNNING


def test_daemons_that_are_killed_on_purpose_come_back(running_site: SiteStatus) -> None:
    assert running_site.registry is not None
    registry = f"https://{running_site.registry}/v2/"
    inject(running_site.name, Fault(kind=FaultKind.REGISTRY_DOWN))
    with pytest.raises(httpx.ConnectError):
        httpx.get(registry, verify=context(running_site), trust_env=False)
    inject(running_site.name, Fault(kind=FaultKind.ENDPOINT_RESTART))
    assert [one.kind for one in fault_switches.switched_on(running_site.name)] == [FaultKind.REGISTRY_DOWN]
    clear(running_site.name, ())
    assert httpx.get(registry, verify=context(running_site), trust_env=False).status_code == 401
    assert lifecycle.status(running_site.name).state is State.RUNNING


def test_a_node_goes_down_with_its_jobs_and_comes_back(running_site: SiteStatus) -> None:
    inject(running_site.name, Fault(kind=FaultKind.NODE_DOWN, node="c2"))
    assert "c2 down" in slurm(running_site, "sinfo", "--noheader", "--Node", "--format=%N %T")
    clear(running_site.name, ())
    assert srun(running_site, "-w", "c2", "hostname") == ["c2"]
    with pytest.raises(LocalSiteError, match="'c9' is not a node"):
        inject(running_site.name, Fault(kind=FaultKind.NODE_DOWN, node="c9"))
    assert fault_switches.switched_on(running_site.name) == ()


def test_the_login_nodes_disk_is_small_as_long_as_the_quota_is(running_site: SiteStatus) -> None:
    inject(running_site.name, Fault(kind=FaultKind.DISK_QUOTA, megabytes=3))
    job = {"Executable": "bash -c 'dd if=/dev/zero of=$SCRATCH/big bs=1M count=9; rm -f $SCRATCH/big'", "Job type": "INTERACTIVE"}
    login = (running_site.username, running_site.password_file.read_text().strip())
    with httpx.Client(auth=login, verify=context(running_site), trust_env=False) as unicore:
        location = unicore.post(f"{running_site.unicore_url}/jobs", json=job).headers["Location"]
        end = time.monotonic() + 30
        while unicore.get(location).json()["status"] != "SUCCESSFUL":
            assert time.monotonic() < end
        said = unicore.get(
            f"{location.replace('/jobs/', '/storages/')}-uspace/files/stderr", headers={"Accept": "application/octet-stream"}
        )
    assert "No space left on device" in said.text
    clear(running_site.name, ())
    assert not (running_site.scratch / "big").exists()


def slurm(site: SiteStatus, *argv: str) -> str:
    return run(argv, extra={"SLURM_CONF": str(site.slurm_conf)})
