"""Builds ParaStation Management once for the Slurm and PMIx of this machine, and keeps it by content."""

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from esd_localsite.cluster.accounts import account
from esd_localsite.errors import LocalSiteError
from esd_localsite.parastation import source
from esd_localsite.parastation.source import Source
from esd_localsite.state.files import make_folder, whole_folder, write
from esd_localsite.state.layout import JOB_USER
from esd_localsite.state.programs import environment, find_program, run

_OLDEST_SLURM, _NEWEST_SLURM, _OLDEST_PMIX = (23, 2), (25, 11), (4, 2, 3)
"""What psslurm's list of protocols (`slurmcommon.h`) and pspmix's `configure.ac` accept."""
_PATCH = Path(__file__).with_name("mpi_pspmix.patch")
_TIMEOUT_S = 1800
_DONE = "built.txt"
_PLUGIN = "ParaStation's plugin for srun, made to fit Slurm's plugins since 22.05,"
PROGRAMS = {
    "gcc": "build-essential",
    "make": "build-essential",
    "patch": "build-essential",
    "pkg-config": "pkg-config",
    "gawk": "gawk",
    "flex": "flex",
    "bison": "bison",
}
HEADERS = {
    "hwloc.h": "libhwloc-dev",
    "numa.h": "libnuma-dev",
    "popt.h": "libpopt-dev",
    "security/pam_appl.h": "libpam0g-dev",
    "munge.h": "libmunge-dev",
    "json-c/json.h": "libjson-c-dev",
    "slurm/spank.h": "libslurm-dev",
    "glib-2.0/glib.h": "libglib2.0-dev",
}
"""What the build needs, and the Debian package that has it. PMIx is asked of pkg-config."""


@dataclass(frozen=True)
class Machine:
    """The versions that the build depends on."""

    slurm: str
    pmix: str


def machine(ask: Callable[[Sequence[str]], str] = run) -> Machine:
    """This machine's Slurm and PMIx. Raises LocalSiteError if ParaStation cannot work with them, or a part of the build is missing."""
    _require_parts()
    try:
        pmix = ask(("pkg-config", "--modversion", "pmix")).strip()
    except LocalSiteError as error:
        raise LocalSiteError("pkg-config does not find PMIx: install the Debian package libpmix-dev") from error
    found = Machine(ask(("slurmctld", "-V")).split()[-1], pmix)
    _require_fitting(found)
    return found


def _require_fitting(found: Machine) -> None:
    problems = []
    if not _OLDEST_SLURM <= _numbers(found.slurm)[:2] <= _NEWEST_SLURM:
        problems.append(f"psslurm speaks to Slurm 23.02 to 25.11, and this machine has {found.slurm}")
    if _numbers(found.pmix) < _OLDEST_PMIX:
        problems.append(f"pspmix needs PMIx 4.2.3 or newer, and this machine has {found.pmix}")
    if problems:
        raise LocalSiteError(
            f"--launcher parastation: {'; '.join(problems)}. Debian 12 is too old for it, Debian 13 fits: "
            "`make fresh SUITE=trixie SCENARIO=parastation` shows it on this machine"
        )


def _numbers(version: str) -> tuple[int, ...]:
    """24.11.5-1 → (24, 11, 5)."""
    return tuple(int(number) for number in re.findall(r"\d+", version.partition("-")[0]))


def _require_parts(root: Path = Path("/usr/include")) -> None:
    """Raise one LocalSiteError that names everything the build needs and this machine lacks."""
    lacking = {package for program, package in PROGRAMS.items() if find_program(program) is None}
    lacking |= {package for header, package in HEADERS.items() if not any(root.glob(header)) and not any(root.glob(f"*/{header}"))}
    if lacking:
        raise LocalSiteError(
            f"building ParaStation Management needs the Debian packages {' '.join(sorted(lacking))}; "
            "`make setup LAUNCHER=parastation` installs them"
        )


def key(files_hash: str, found: Machine, patch: str) -> str:
    """The store's folder for this source on this machine, built by these steps."""
    built_by = (step.argv for step in steps(Path("/target"), Path("/staged"), ()))
    return hashlib.sha256("\n".join((files_hash, found.slurm, found.pmix, patch, *map(shlex.join, built_by))).encode()).hexdigest()[:16]


def is_kept(store: Path, found: Machine) -> bool:
    """Whether the tried source is built for this machine."""
    return (store / key(source.PINNED, found, _PATCH.read_text()) / _DONE).is_file()


def provide(store: Path, given: Path | None, accepted: str | None, progress: Callable[[str], None]) -> Path:
    """ParaStation's folder, built on first use. `given` and `accepted`: see `source.opened`. Raises LocalSiteError."""
    found, patch = machine(), _PATCH.read_text()
    wanted = store / key(accepted or source.PINNED, found, patch)
    if given is None and (wanted / _DONE).is_file():
        return wanted
    with source.opened(given, accepted, progress) as opened:
        if not (wanted / _DONE).is_file():
            progress(f"building ParaStation Management for Slurm {found.slurm} and PMIx {found.pmix} (once, some minutes)")
            make_folder(store)
            _build(opened, wanted, found)
    return wanted


def version_of(folder: Path) -> str:
    """What was built, in one line."""
    return (folder / _DONE).read_text().strip()


def _build(opened: Source, target: Path, found: Machine) -> None:
    """Build as the job user, who can break nothing; keep the result as root, completely or not at all."""
    work = opened.folder
    version = _told_version(work)
    write(work / "VERSION", f"psmgmt-{version}\n")
    write(work / _PATCH.name, _PATCH.read_text())  # the job user may not be able to read this checkout
    staged = work / "staged"
    make_folder(staged)
    with tempfile.NamedTemporaryFile(prefix="esd-psmgmt-", suffix=".log", delete=False) as log:
        _give_away(work.parent)
        for step in steps(target, staged, run(("pkg-config", "--cflags", "pmix")).split()):
            _run(step, work, Path(log.name))
    Path(log.name).unlink()
    with whole_folder(target) as new:
        shutil.copytree(staged / target.relative_to("/"), new, symlinks=True, dirs_exist_ok=True)
        make_folder(new / "var" / "spool" / "parastation")
        write(new / _DONE, f"psmgmt {version}, files {opened.hash[:12]}, Slurm {found.slurm}, PMIx {found.pmix}\n")


@dataclass(frozen=True)
class Step:
    """One command of the build, and what it builds."""

    argv: tuple[str, ...]
    what: str = "ParaStation Management"


def steps(target: Path, staged: Path, pmix: Sequence[str]) -> tuple[Step, ...]:
    """The build in order; first the plugin for srun, which takes a second and is what another Slurm breaks.

    `pmix`: the compiler's options for PMIx, which the source's Makefiles give to pspmix alone. They go to `configure`: on make's command
    line they would replace what the Makefile of lib/pscommon sets for one file.
    """
    flags = f"CPPFLAGS={shlex.join(pmix)}"
    plugin = f"{staged}{target}/lib/slurm/mpi_pspmix.so"
    return (
        Step(("patch", "-p1", "-i", _PATCH.name), _PLUGIN),
        Step(("mkdir", "-p", str(Path(plugin).parent))),
        Step(("gcc", "-shared", "-fPIC", "-O2", "-o", plugin, "plugins/pspmix/slurm/mpi_pspmix.c"), _PLUGIN),
        Step(("./configure", f"--prefix={target}", "--disable-psconfig", "--with-unitdir=no", "--disable-bpf", flags)),
        Step(("make", f"-j{os.cpu_count() or 1}")),
        Step(("make", "install", f"DESTDIR={staged}")),
    )


def _told_version(folder: Path) -> str:
    """The newest version in NEWS; the source has it nowhere else."""
    told = re.search(r"^Version (\d+(?:\.\d+)+):", (folder / "NEWS").read_text(errors="replace"), re.MULTILINE)
    return told[1] if told else "0"


def _give_away(folder: Path) -> None:
    user = account(JOB_USER)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def _run(step: Step, work: Path, log: Path) -> None:
    """One step of the build. Raises LocalSiteError with the end of its log, which then stays."""
    user = account(JOB_USER)
    with log.open("ab") as out:
        try:
            finished = subprocess.run(
                step.argv,
                cwd=work,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=environment({"HOME": str(work), "VCVERSION": str(work / "scripts" / "vcversion")}),  # without it, psid has no version
                user=user.pw_uid,
                group=user.pw_gid,
                extra_groups=[],
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise LocalSiteError(
                f"building ParaStation Management: `{step.argv[0]}` did not end within {_TIMEOUT_S} s; log: {log}"
            ) from error
    if finished.returncode != 0:
        last = "\n".join(log.read_text(errors="replace").splitlines()[-8:])
        raise LocalSiteError(f"{step.what} does not build here: `{shlex.join(step.argv[:3])}` failed; log: {log}, which ends with:\n{last}")
