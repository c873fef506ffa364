"""Set-up's messages: one for each thing that stops it, in the words of who can mend it."""

from pathlib import Path

import pytest
from tests.ci.conftest import Shell

pytestmark = pytest.mark.integration
COMMON, PREFLIGHT, PACKAGES = "system/common.sh", "system/preflight.sh", "system/packages.sh"

# What apt printed, and what of it a person is told.
APT = {
    "expired": ("E: Release file for http://mirror/dists/sid/InRelease is expired (invalid since 23d 10h).", "index is out of date"),
    "no suite": ("E: The repository 'http://mirror nosuch Release' does not have a Release file.", "the mirror does not have it"),
    "no name": ("W: Failed to fetch http://mirror/InRelease  Temporary failure resolving 'mirror'", "no network"),
    "no route": ("Err:1 Cannot initiate the connection to mirror:80. - connect (101: Network is unreachable)", "no network"),
    "refused": ("Could not connect to 127.0.0.1:9 - connect (111: Connection refused)", "no network"),
    "full": ("E: You don't have enough free space in /var/cache/apt/archives/.", "the disk is full"),
    "full, dpkg": ("dpkg: error: failed to write (No space left on device)", "the disk is full"),
    "locked": ("E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 7", "another apt or dpkg is running"),
    "unsigned": ("W: GPG error: The following signatures couldn't be verified: NO_PUBKEY 6ED0E7B82643E131", "debian-archive-keyring"),
    "else": ("E: Unable to locate package munge", "Unable to locate package munge"),
}


@pytest.mark.parametrize("case", APT)
def test_why_apt_failed_is_said_in_one_message(shell: Shell, tmp_path: Path, case: str) -> None:
    printed, told = APT[case]
    (tmp_path / "log").write_text(f"Reading package lists...\n{printed}\n")
    finished = shell("explain_apt log 'installing munge'", source=(COMMON,))
    assert finished.returncode == 4
    assert finished.stderr.startswith("installer: installing munge failed: ")
    assert told in finished.stderr


def test_no_space(shell: Shell) -> None:
    finished = shell("need_space", source=(COMMON, PREFLIGHT), programs={"df": "printf 'Avail\\n500\\n'"})
    assert finished.returncode == 4
    assert "not enough space: 500 MB free on /, set-up needs 2000 MB" in finished.stderr


def test_no_user_namespaces(shell: Shell) -> None:
    finished = shell("need_user_namespaces", source=(COMMON, PREFLIGHT), programs={"setpriv": "exit 1"})
    assert finished.returncode == 4
    assert "no user namespaces" in finished.stderr
    assert "sysctl user.max_user_namespaces=15000 (is " in finished.stderr


def test_no_debian(shell: Shell) -> None:
    finished = shell("command() { return 1; }; need_debian", source=(COMMON, PREFLIGHT))
    assert finished.returncode == 4
    assert "this is not Debian: install ca-certificates debootstrap" in finished.stderr


APPTAINER = 'if [ "$1" = --version ]; then echo "apptainer version 1.4.5"; else echo "SESSIONDIR={folder}"; fi'


def test_apptainer_without_its_empty_folder_is_not_whole(shell: Shell, tmp_path: Path) -> None:
    programs = {"apptainer": APPTAINER.format(folder=tmp_path / "session"), "dpkg-query": "exit 1"}
    assert shell("have_apptainer", source=(COMMON,), programs=programs).returncode == 1
    (tmp_path / "session").mkdir()
    assert shell("have_apptainer", source=(COMMON,), programs=programs).returncode == 0


@pytest.mark.parametrize(
    ("state", "whole"), [("installed", True), ("half-installed", False), ("unpacked", False), ("half-configured", False)]
)
def test_a_package_that_dpkg_has_not_finished_is_not_whole(shell: Shell, tmp_path: Path, state: str, whole: bool) -> None:
    programs = {"apptainer": APPTAINER.format(folder=tmp_path), "dpkg-query": f"printf {state}"}
    assert (shell("have_apptainer", source=(COMMON,), programs=programs).returncode == 0) is whole


def test_packages_are_noted_before_they_are_installed_but_not_upgrades(shell: Shell, tmp_path: Path) -> None:
    simulated = (
        "Inst libfuse2 (2.9 Debian:12 [amd64])\\nInst libc6 [2.36-9] (2.36-10 Debian:12 [amd64])\\nInst munge (0.5 Debian:12 [amd64])\\n"
    )
    programs = {"apt-get": f"case $1 in -s) printf '{simulated}' ;; *) exit 100 ;; esac"}
    text = "log=$PWD/log\ninstall_packages munge"
    finished = shell(text, source=(COMMON, PACKAGES), programs=programs, ESD_SETUP_RECORD=str(tmp_path / "record"))
    assert finished.returncode == 4
    assert (tmp_path / "record" / "packages").read_text().split() == ["libfuse2", "munge"]


@pytest.mark.parametrize(("version", "fits"), [("1.2.5-1", False), ("1.3.0", True), ("1.4.5-2~esd", True), ("2.0.0-1", False)])
def test_versions_of_apptainer_are_bounded(shell: Shell, tmp_path: Path, version: str, fits: bool) -> None:
    text = f'eval "$(grep "^is_bounded" {Path(__file__).parents[2]}/ci/install-apptainer.sh)"\nis_bounded {version}'
    assert (shell(text, source=(COMMON,)).returncode == 0) is fits


@pytest.mark.parametrize(("name", "told"), [("README.md", "is not a Debian package of apptainer"), ("missing.deb", "no such file")])
def test_a_named_package_is_looked_at_first(shell: Shell, tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / "README.md").write_text("text")
    finished = shell(f"need_package {name}", source=(COMMON,))
    assert finished.returncode == 4
    assert f"APPTAINER_DEB={name}" in finished.stderr
    assert told in finished.stderr


FULL = "case $* in *avail*) printf ' Avail\\n     3\\n' ;; *) printf 'Mounted on\\n/var\\n' ;; esac"


def test_a_full_disk_is_named_whatever_the_log_could_still_hold(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("")
    finished = shell("explain_apt log 'installing munge'", source=(COMMON,), programs={"df": FULL})
    assert finished.returncode == 4
    assert finished.stderr == "installer: installing munge failed: the disk is full: make room on /var (3 MB free), then start again\n"


def test_a_disk_with_room_is_not_blamed(shell: Shell) -> None:
    finished = shell("full_disk / /nowhere", source=("system/disk.sh",), programs={"df": "printf 'Avail\\n500\\n'"})
    assert (finished.returncode, finished.stdout) == (1, "")


def test_the_users_language_and_umask_do_not_matter(shell: Shell) -> None:
    finished = shell("printf '%s %s' $LC_ALL $(umask)", source=(COMMON,), LC_ALL="de_DE.UTF-8")
    assert finished.stdout == "C.UTF-8 0022"
