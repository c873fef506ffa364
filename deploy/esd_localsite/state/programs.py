"""Outside programs: the only place that runs them, and the check that they are installed."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence

from esd_localsite.errors import LocalSiteError

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where the site looks for programs: an ordinary user's PATH lacks the sbin folders."""
PACKAGES = {
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
    "sinfo": "slurm-client",
    "munged": "munge",
    "docker-registry": "docker-registry",
    "ip": "iproute2",
    "mount": "mount",
    "setsid": "util-linux",
    "setpriv": "util-linux",
    "unshare": "util-linux",
    "nsenter": "util-linux",
}
"""Every program that the site needs, and the Debian package that has it."""


OWN_PACKAGES = {program: PACKAGES[program] for program in ("docker-registry", "setsid", "setpriv")}
"""The programs that a user's own site needs."""


def find_program(name: str) -> str | None:
    """The program's full path, or None."""
    return shutil.which(name, path=PATH)


def require_programs(needed: Mapping[str, str] = PACKAGES, find: Callable[[str], str | None] = find_program) -> None:
    """Raise one LocalSiteError that names all missing programs with their Debian packages."""
    missing = [program for program in needed if find(program) is None]
    if missing:
        packages = sorted({needed[program] for program in missing})
        raise LocalSiteError(
            f"the local site needs {', '.join(missing)} (Debian packages: {' '.join(packages)}); `make setup` installs them"
        )


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of the site's programs: the same for every user who starts the site."""
    return {"PATH": PATH, "LANG": "C.UTF-8", **(extra or {})}


def run(argv: Sequence[str], *, text: str = "", extra: Mapping[str, str] | None = None, timeout: float = 30) -> str:
    """Run a program to its end with `text` as its input; returns its output.

    Raises LocalSiteError with the command and its message if it fails, is missing, or takes longer than `timeout` seconds.
    """
    command = shlex.join(argv)
    try:
        finished = subprocess.run(
            list(argv), input=text, capture_output=True, text=True, errors="replace", env=environment(extra), timeout=timeout, check=False
        )
    except OSError as error:
        raise LocalSiteError(f"cannot run `{command}`: {os.strerror(error.errno or 0)}; run `make setup`") from error
    except subprocess.TimeoutExpired as error:
        raise LocalSiteError(f"`{command}` did not end within {timeout:g} s") from error
    if finished.returncode != 0:
        raise LocalSiteError(f"`{command}` failed ({finished.returncode}): {finished.stderr.strip() or finished.stdout.strip()}")
    return finished.stdout
