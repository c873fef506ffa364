"""The part behind sudo: `python -m esd_localsite.elevated up|down|fault|clear|module NAME …`."""

import errno
import sys
from collections.abc import Sequence
from pathlib import Path

from esd_localsite import lifecycle
from esd_localsite.cluster import module_install
from esd_localsite.elevation import FAILED
from esd_localsite.errors import LocalSiteError
from esd_localsite.faults.board import Fault, FaultKind
from esd_localsite.state.options import SiteOptions
from esd_localsite.supervision import fault_switches


def main(arguments: Sequence[str]) -> int:
    """The part behind sudo: progress goes to standard output, the one message of a failure to standard error."""
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
        return FAILED
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        sys.stderr.write(f"the disk is full ({error.filename or error}): make room, then start again\n")
        return FAILED
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
