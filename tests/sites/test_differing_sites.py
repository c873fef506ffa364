"""Two sites that differ, for real: another name of the PMIx plugin, another partition, another user, software behind a module."""

import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyunicore.client import Client, Transport
from pyunicore.credentials import UsernamePassword

from esd_localsite import lifecycle
from esd_localsite.cluster import module_install
from esd_localsite.state.options import PartitionOption, SiteOptions, Speed, UserOption
from esd_localsite.state.status import SiteStatus

pytestmark = [pytest.mark.site, pytest.mark.long]  # the module comes from PyPI

PROGRAM = """\
import importlib.metadata, os, nest
print("rank", nest.Rank(), "of", nest.NumProcesses(), importlib.metadata.version("neo"), os.environ["ESD_RELEASE"])
"""


@pytest.fixture(scope="module")
def other_site(
    local_site_possible: None, site_options: SiteOptions, readable_image: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SiteStatus]:
    password = tmp_path_factory.mktemp("other") / "password"
    password.write_text("of ada")
    name = f"pytest-{os.getpid()}-other"
    partitions = (PartitionOption(name="devel", minutes=30), PartitionOption(name="batch"))
    users = (UserOption(name="ada", password_file=password),)
    try:
        wanted = {"mpi": ("pspmix",), "partitions": partitions, "users": users, "speed": Speed.CI}
        yield lifecycle.up(name, options=site_options.model_copy(update=wanted))
    finally:
        lifecycle.down(name, purge=True)


@pytest.fixture(scope="module")
def ada(other_site: SiteStatus) -> Client:
    verify = ssl.create_default_context(cafile=str(other_site.ca_file))
    return Client(Transport(UsernamePassword("ada", "of ada"), verify=verify), other_site.unicore_url)


def output(client: Client, line: str, **fields: object) -> str:
    imports = [{"From": "inline://text", "To": "program.py", "Data": PROGRAM}]
    job = client.new_job({"Executable": line, "Imports": imports, **fields})
    job.cache_time = 0
    job.poll(timeout=300)
    assert job.properties["status"] == "SUCCESSFUL", [*job.log, job.working_dir.stat("stderr").read()]
    return job.working_dir.stat("stdout").read().decode()


def test_software_behind_a_module_runs_on_both_nodes_under_another_name_of_pmix(other_site, ada, readable_image) -> None:
    module_install.install(other_site.name, module_install.plan_module("ESD/24.10", readable_image, ()), print)
    said = output(ada, "module load ESD/24.10; srun --mpi=pspmix -N2 -n2 python3 program.py | grep rank", Resources={"Nodes": 2})
    assert sorted(said.splitlines()) == ["rank 0 of 2 0.13.3 24.10", "rank 1 of 2 0.13.3 24.10"]


def test_other_plugins_are_not_there(ada) -> None:
    assert "refused" in output(ada, "srun --mpi=pmix true || echo refused")


def test_the_partition_and_the_user_are_the_sites_own(ada) -> None:
    assert output(ada, "echo $SLURM_JOB_PARTITION $(id -un) $HOME").split()[:2] == ["devel", "ada"]
    assert sorted(ada.get_compute()[0].get_queues()) == ["batch", "devel"]
