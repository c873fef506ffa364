"""Which machines ParaStation is built for, and by which steps."""

import os
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from esd_localsite.errors import LocalSiteError
from esd_localsite.parastation import build
from esd_localsite.parastation.build import Machine, Step, key, machine, steps
from esd_localsite.parastation.source import PINNED


def answering(slurm: str, pmix: str | None):
    def ask(argv: Sequence[str]) -> str:
        if argv[0] == "slurmctld":
            return f"slurm-wlm {slurm}\n"
        if pmix is None:
            raise LocalSiteError("`pkg-config` failed")
        return f"{pmix}\n"

    return ask


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has every part of the build."""
    monkeypatch.setattr(build, "_require_parts", lambda: None)


@pytest.mark.usefixtures("complete")
@pytest.mark.parametrize(("slurm", "pmix"), [("23.02.0", "4.2.3"), ("24.11.5", "5.0.7"), ("25.11.1", "6.0.0rc1")])
def test_a_machine_that_fits(slurm: str, pmix: str) -> None:
    assert machine(answering(slurm, pmix)) == Machine(slurm, pmix)


@pytest.mark.usefixtures("complete")
@pytest.mark.parametrize(
    ("slurm", "pmix", "told"),
    [
        ("22.05.8", "4.2.2", "psslurm speaks to Slurm 23.02 to 25.11, and this machine has 22.05.8; pspmix needs PMIx 4.2.3 or newer"),
        ("26.05.0", "5.0.7", "psslurm speaks to Slurm 23.02 to 25.11, and this machine has 26.05.0. Debian 12 is too old"),
        ("24.11.5", "4.2.2", "pspmix needs PMIx 4.2.3 or newer, and this machine has 4.2.2. Debian 12 is too old"),
    ],
)
def test_a_machine_that_does_not_fit_is_told_why_and_what_to_do(slurm: str, pmix: str, told: str) -> None:
    with pytest.raises(LocalSiteError, match=f"^--launcher parastation: {told}") as refused:
        machine(answering(slurm, pmix))
    assert "make fresh SUITE=trixie SCENARIO=parastation" in str(refused.value)


@pytest.mark.usefixtures("complete")
def test_a_machine_without_pmix() -> None:
    with pytest.raises(LocalSiteError, match="install the Debian package libpmix-dev"):
        machine(answering("24.11.5", None))


def test_everything_that_is_missing_is_named_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "find_program", lambda name: None if name in {"gcc", "flex"} else f"/usr/bin/{name}")
    for header in build.HEADERS:
        if header not in {"munge.h", "slurm/spank.h"}:
            (tmp_path / header).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / header).touch()
    with pytest.raises(LocalSiteError, match="needs the Debian packages build-essential flex libmunge-dev libslurm-dev; `make setup"):
        build._require_parts(tmp_path)


def test_another_source_slurm_or_pmix_is_built_anew() -> None:
    machines = (Machine("24.11.5", "5.0.7"), Machine("24.11.6", "5.0.7"), Machine("24.11.5", "5.0.8"))
    keys = {key(hash_, found, patch) for hash_ in ("a", "b") for found in machines for patch in ("", "x")}
    assert len(keys) == 12


def test_the_steps_of_the_build() -> None:
    found = steps(Path("/store/key"), Path("/work/staged"), ("-I/usr/lib/pmix2/include",))
    assert [step.argv[0] for step in found] == ["patch", "mkdir", "gcc", "./configure", "make", "make"]
    assert "/work/staged/store/key/lib/slurm/mpi_pspmix.so" in found[2].argv
    assert found[3].argv[:2] == ("./configure", "--prefix=/store/key")
    assert found[3].argv[-1] == "CPPFLAGS=-I/usr/lib/pmix2/include"
    assert found[5].argv == ("make", "install", "DESTDIR=/work/staged")


@pytest.mark.integration
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, which gives each step to the job user")
def test_a_step_that_fails_says_what_does_not_build_and_keeps_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "account", lambda name: SimpleNamespace(pw_uid=os.getuid(), pw_gid=os.getgid()))
    plugin = next(step for step in steps(tmp_path, tmp_path, ()) if step.argv[0] == "gcc")
    log = tmp_path / "build.log"
    failing = Step(("sh", "-c", "echo 'slurm/slurm.h: too new'; exit 1"), plugin.what)
    with pytest.raises(LocalSiteError, match=r"(?s)ParaStation's plugin for srun.* does not build here: `sh -c .*too new"):
        build._run(failing, tmp_path, log)
    assert "too new" in log.read_text()


def test_what_is_kept_is_not_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Machine("24.11.5", "5.0.7")
    monkeypatch.setattr(build, "machine", lambda: found)
    kept = tmp_path / key(PINNED, found, build._PATCH.read_text())
    kept.mkdir()
    (kept / "built.txt").write_text("psmgmt 6.8.1\n")
    assert build.provide(tmp_path, None, None, pytest.fail) == kept
    assert build.version_of(kept) == "psmgmt 6.8.1"
