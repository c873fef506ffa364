"""What only the machine that builds can tell: its architecture and its Debian mirror."""

import os
import platform

from esd_build.data.errors import ToolError
from esd_build.tools.process import run


def architecture() -> str:
    """The kernel's name of the processor family, such as `x86_64`."""
    return platform.machine()


def debian_mirror() -> str:
    """Where debootstrap fetches from: $ESD_IMAGES_MIRROR, else the mirror that this machine's own apt uses.

    Raises ToolError on a machine without apt.
    """
    chosen = os.environ.get("ESD_IMAGES_MIRROR")
    return chosen or _apt_mirror(("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"))


def _apt_mirror(listing: tuple[str, ...]) -> str:
    lines = run(listing).tail
    mirrors = [line for line in lines if line.rstrip("/").endswith("/debian")]
    if not mirrors:
        raise ToolError("this machine's apt has no Debian mirror; set ESD_IMAGES_MIRROR to a mirror's address (…/debian)")
    return mirrors[0]
