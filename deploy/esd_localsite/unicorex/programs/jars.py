"""Programs in Java: fetched by Maven, each file checked against its committed hash, kept by content."""

import hashlib
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from esd_localsite.cluster.accounts import calling_user
from esd_localsite.errors import LocalSiteError
from esd_localsite.state.files import make_folder, whole_folder
from esd_localsite.unicorex.programs.java import find_maven
from esd_localsite.unicorex.programs.listing import problems, read_list

_HERE = Path(__file__).parent
_TIMEOUT_S = 1800
_SHOWN = 4


@dataclass(frozen=True)
class Programs:
    """What Maven must fetch: the POM, the kind of files, and their list."""

    name: str
    pom: Path
    hashes: Path
    kind: str = "*.jar"

    @property
    def listed(self) -> str:
        return self.hashes.read_text()

    @property
    def key(self) -> str:
        """The store's folder for this list of files."""
        return hashlib.sha256(self.listed.encode()).hexdigest()[:16]

    def files(self, folder: Path) -> list[str]:
        return [path.name for path in folder.glob(self.kind)]


UNICOREX = Programs("UNICORE/X", _HERE / "pom.xml", _HERE / "jars.sha256")


@dataclass(frozen=True)
class Caller:
    """The account that runs Maven: the person behind sudo, with their settings (mirror, proxy) and their cache."""

    environment: Mapping[str, str]
    uid: int | None = None
    gid: int | None = None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Caller":
        uid = calling_user(environment)
        if uid is None or os.geteuid() != 0:
            return cls(environment)
        entry = pwd.getpwuid(uid)
        own = {"HOME": entry.pw_dir, "USER": entry.pw_name, "LOGNAME": entry.pw_name}
        return cls({**environment, **own}, uid, entry.pw_gid)


def provide(
    store: Path,
    programs: Programs,
    environment: Mapping[str, str],
    progress: Callable[[str], None],
    resolve: Callable[..., None] | None = None,
) -> Path:
    """The folder with exactly the listed files, fetched on first use. Raises LocalSiteError if files are missing or differ."""
    wanted, folder = read_list(programs.listed), kept(store, programs)
    if folder.is_dir() and not problems(folder, wanted, programs.files(folder)):
        return folder
    progress(f"fetching {programs.name} by Maven ({len(wanted)} files, once)")
    make_folder(store)
    with tempfile.TemporaryDirectory(prefix="esd-maven-") as temporary:
        fetched = Path(temporary) / "lib"
        (resolve or maven)(fetched, programs, Caller.of(environment))
        _keep(fetched, folder, programs)
    return folder


def kept(store: Path, programs: Programs) -> Path:
    """The folder of the listed files."""
    return store / f"{programs.hashes.stem}-{programs.key}"


def maven(target: Path, programs: Programs, caller: Caller) -> None:
    """Have Maven copy the whole runtime class path into `target`. Raises LocalSiteError with Maven's own words."""
    program = find_maven()
    target.mkdir()
    pom = shutil.copy(programs.pom, target.parent / "pom.xml")
    if caller.uid is not None:
        for path in (target.parent, target):
            os.chown(path, caller.uid, -1)
    argv = (program, "-B", "-q", "-ntp", "-f", pom, "dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={target}")
    groups: list[int] | None = None if caller.uid is None else []
    try:
        finished = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_TIMEOUT_S,
            env=dict(caller.environment),
            cwd=target.parent,
            user=caller.uid,
            group=caller.gid,
            extra_groups=groups,
        )
    except subprocess.TimeoutExpired as error:
        raise LocalSiteError(f"Maven did not fetch {programs.name}'s programs within {_TIMEOUT_S} s") from error
    if finished.returncode != 0:
        raise LocalSiteError(_refused(programs.name, finished.stdout + finished.stderr))


def _refused(name: str, said: str) -> str:
    """A summary of Maven's many lines."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said)
    errors = [line.removeprefix("[ERROR]").strip() for line in plain.splitlines() if line.startswith("[ERROR]")]
    reason = next(filter(None, errors), plain.strip()[-500:] or "it said nothing")
    return (
        f"Maven cannot fetch {name}'s programs: {reason}\n"
        "Is there a network? A mirror or proxy goes into ~/.m2/settings.xml of the one who runs this command."
    )


def _others(name: str, found: tuple[str, ...]) -> str:
    more = f", and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return (
        f"what Maven fetched is not the {name} that this checkout was tried with: {', '.join(found[:_SHOWN])}{more}.\n"
        "Nothing of it was kept. If files in ~/.m2/repository are damaged, remove them; else the repository that Maven asks has others."
    )


def _keep(fetched: Path, folder: Path, programs: Programs) -> None:
    """Move the files into the store, completely or not at all, readable by everyone. They are checked where nobody else can write."""
    with whole_folder(folder) as new:
        for name in programs.files(fetched):
            shutil.copyfile(fetched / name, new / name)
            (new / name).chmod(0o644)
        found = problems(new, read_list(programs.listed), programs.files(new))
        if found:
            raise LocalSiteError(_others(programs.name, found))
