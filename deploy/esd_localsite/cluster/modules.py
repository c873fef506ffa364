"""The site's environment modules: the shell code that defines `module` in jobs, and the text of a module file."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from esd_localsite.errors import LocalSiteError

INIT = Path("/usr/share/modules/init/bash")
"""Debian's environment-modules."""
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def shell_start(modulefiles: Path, init: Path = INIT) -> str:
    """What each bash of a job reads first. The first call of `module` loads the real one; most shells never call it."""
    return f"""\
# Written at each start of the local site; read by every bash of its jobs (BASH_ENV).
module() {{
  if ! . {shlex.quote(str(init))} 2>/dev/null; then
    echo "module: environment-modules is not installed on this machine" >&2
    return 1
  fi
  MODULEPATH={shlex.quote(str(modulefiles))}
  export MODULEPATH
  module "$@"
}}
"""


def check_name(name: str) -> str:
    """Split `NAME/VERSION`. Raises LocalSiteError for any other form."""
    if not _NAME.fullmatch(name):
        raise LocalSiteError(f"'{name}' is not a module name: write NAME/VERSION, e.g. ESD/24.10")
    return name


def module_file(name: str, what: str, root: Path, contents: Mapping[str, str]) -> str:
    """A module file in Tcl: `root/bin` comes first in PATH; `module help` prints `contents` (software → version)."""
    versions = " ".join(f"{software} {version}," for software, version in sorted(contents.items())).rstrip(",")
    return f"""\
#%Module1.0
## Written by `esd-deploy local module`.
proc ModulesHelp {{ }} {{
    puts stderr {{{what}}}
    puts stderr {{{versions}}}
}}
module-whatis {{{what}}}
conflict {name.partition("/")[0]}
prepend-path PATH {{{root / "bin"}}}
setenv ESD_RELEASE {{{name.partition("/")[2]}}}
"""
