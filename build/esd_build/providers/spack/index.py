"""Where the package index that this machine's pip uses has a file with a given checksum.

pip is asked, because it knows the machine's configuration (addresses, certificates, local folders). It has no command that fetches an
sdist without running its build. With -v it lists the files and their checksums.
"""

import re
import sys
from functools import cache

from esd_build.tools.process import run

_LINK = re.compile(r"((?:https?|file)://[^\s#]+)#sha256=([0-9a-f]{64})")


@cache
def addresses(project: str) -> dict[str, str]:
    """Every file of a project on the index: checksum (SHA-256, hex) → address."""
    command = (sys.executable, "-m", "pip", "index", "versions", project, "-vvv", "--no-input", "--disable-pip-version-check")
    return links("\n".join(run(command, keep_lines=50_000).tail))


def links(text: str) -> dict[str, str]:
    """The checksums and addresses in what pip says."""
    return {checksum: address for address, checksum in _LINK.findall(text)}


def address(project: str, sha256: str) -> str | None:
    """Where the file with this checksum is; None where the index does not have it, or cannot be reached."""
    return addresses(project).get(sha256)
