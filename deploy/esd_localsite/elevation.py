"""Doing as root what only root can: through sudo, where it asks no password.

Run as `python -m esd_localsite.elevation up|down|fault|clear|module NAME …` it is the part behind sudo.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from esd_localsite import daemons
from esd_localsite.errors import LocalSiteError
from esd_localsite.layout import find_layout
from esd_localsite.programs import find_program

_FAILED = 4


def is_root() -> bool:
    """Whether this process may do everything itself."""
    return os.geteuid() == 0


def may_act(site: str) -> bool:
    """Whether this process may do to the site what it is asked to, without help."""
    return is_root() or not find_layout(site).needs_root


def sudo_command(arguments: Sequence[str], sudo: str) -> tuple[str, ...]:
    """The command line that does `arguments` as root with this interpreter and this code."""
    variables = (f"{name}={value}" for name, value in sorted(daemons.python_environment().items()))
    return (sudo, "-n", "--", "env", *variables, sys.executable, "-m", "esd_localsite.elevation", *arguments)


def as_root(arguments: Sequence[str], progress: Callable[[str], None]) -> None:
    """Do `up NAME` or `down NAME` as root, passing its progress on. Raises LocalSiteError with its message where that fails."""
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
    if code == _FAILED:
        raise LocalSiteError(message)
    if code != 0:
        raise LocalSiteError(
            f"`local {arguments[0]}` needs root, and `sudo -n` did not do it: {message}\nRun `sudo -v` first, or the command as root"
        )


def main(arguments: Sequence[str]) -> int:
    """The part behind sudo: progress goes to standard output, the one message of a failure to standard error."""
    from esd_localsite import fault_switches, lifecycle, module_install  # noqa: PLC0415 - which import this module
    from esd_localsite.faults import Fault, FaultKind  # noqa: PLC0415
    from esd_localsite.options import SiteOptions  # noqa: PLC0415

    verb, name, *options = arguments
    try:
        if verb == "up":
            chosen = SiteOptions.model_validate_json(options[0]) if options else None
            lifecycle.up(name, options=chosen, progress=_say)
        elif verb == "fault":
            fault_switches.inject(name, Fault.model_validate_json(options[0]))
        elif verb == "module":
            module_install.install(name, module_install.plan_module(options[0], Path(options[1]), options[2:]), _say)
        elif verb == "clear":
            fault_switches.clear(name, [FaultKind(kind) for kind in options])
        else:
            lifecycle.down(name, purge="--purge" in options, progress=_say)
    except LocalSiteError as error:
        sys.stderr.write(f"{error}\n")
        return _FAILED
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
