"""What every image must keep to, whatever is inside."""

from pathlib import Path

import pytest
from testinfra.host import Host

from esd_build.building.stage import file_hash
from esd_build.data.project import Environment
from esd_build.product import finished
from esd_build.tools.process import Account

pytestmark = pytest.mark.image


def test_description_beside_the_image_is_true(image: Path) -> None:
    assert finished.read(image).sha256 == file_hash(image)


def test_labels_tell_what_it_is(labels: dict[str, str], environment: Environment) -> None:
    assert labels["org.opencontainers.image.title"]
    assert labels["org.opencontainers.image.description"]
    assert labels["org.opencontainers.image.version"] == environment.name
    assert labels["eu.ebrains.esd.environment"] == environment.name
    assert labels["eu.ebrains.esd.provider"] == environment.provider
    assert labels["eu.ebrains.esd.target"] == environment.target
    assert len(labels["eu.ebrains.esd.plan"]) == 16


def test_labels_tell_what_the_mpi_launcher_must_speak(labels: dict[str, str], environment: Environment) -> None:
    assert labels["eu.ebrains.esd.mpi"] == f"openmpi {environment.pins['Open MPI'].version}"
    assert labels["eu.ebrains.esd.pmix"] == environment.pins["PMIx"].version
    assert labels["eu.ebrains.esd.ucx"] == environment.pins["UCX"].version


def test_runs_as_an_ordinary_user(host: Host) -> None:
    assert int(host.check_output("id -u")) == Account.current().uid != 0


def test_root_is_read_only(host: Host) -> None:
    attempt = host.run("touch /opt/probe /usr/probe")
    assert attempt.rc != 0
    assert "Read-only file system" in attempt.stdout


def test_nothing_is_writable_by_everybody(host: Host) -> None:
    found = host.run(
        r"find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /var/tmp \) -prune "
        r"-o \( -type f -o -type d \) -perm -0002 ! -perm -1000 -print 2>/dev/null; echo looked"
    )
    assert found.stdout.splitlines() == ["looked"]


def test_no_leftovers_of_the_build(host: Host) -> None:
    for path in ("/opt/esd/wheels", "/opt/esd/sources", "/opt/esd/tools", "/opt/esd/build", "/root/.cache"):
        assert not host.file(path).exists, path
    assert host.check_output("ls /var/lib/apt/lists") == ""
