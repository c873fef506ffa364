"""Runs as root what only root can do: through sudo, if it asks for no password. The part behind sudo is `elevated.py`."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence

from esd_localsite.errors import LocalSiteError
from esd_localsite.state.layout import find_layout
from esd_localsite.state.programs import find_program
from esd_localsite.supervision import daemons

FAILED = 4
"""Exit code of the part behind sudo if the request failed; its message is on standard error."""


def is_root() -> bool:
    """Whether this process may do everything itself."""
    return os.geteuid() == 0


def may_act(site: str) -> bool:
    """Whether this process may change the site without help."""
    return is_root() or not find_layout(site).needs_root


def sudo_command(arguments: Sequence[str], sudo: str) -> tuple[str, ...]:
    """The command line that does `arguments` as root with this interpreter and this code."""
    variables = (f"{name}={value}" for name, value in sorted(daemons.python_environment().items()))
    return (sudo, "-n", "--", "env", *variables, sys.executable, "-m", "esd_localsite.elevated", *arguments)


def as_root(arguments: Sequence[str], progress: Callable[[str], None]) -> None:
    """Do `up NAME` or `down NAME` as root and pass its progress on. Raises LocalSiteError with its message if it fails."""
    sudo = find_program("sudo")
    if sudo is None:
        raise LocalSiteError(f"`local {arguments[0]}` needs root, and there is no sudo: run the command as root")
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            sudo_command(arguments, sudo), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        for line in process.stdout or ():
            progress(line.rstrip())
        code = process.wait()
        errors.seek(0)
        message = errors.read().strip()
    if code == FAILED:
        raise LocalSiteError(message)
    if code != 0:
        raise LocalSiteError(
            f"`local {arguments[0]}` needs root, and `sudo -n` did not do it: {message}\nRun `sudo -v` first, or the command as root"
        )
