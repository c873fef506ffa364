"""What the shell offers after TAB: names of sites and images, ids of runs.

If nothing can be read, it offers nothing: a TAB reports no errors.
"""

from collections.abc import Callable, Iterable

from esd_build.data.errors import EsdError
from esd_deploy.records import record
from esd_deploy.runs.site import RUNS
from esd_deploy.sites.catalogue import Catalogue


def sites(incomplete: str) -> list[str]:
    """Names of sites."""
    return _fitting(incomplete, lambda: Catalogue.find().site_names)


def images(incomplete: str) -> list[str]:
    """Names of images."""
    return _fitting(incomplete, lambda: Catalogue.find().image_names)


def runs(incomplete: str) -> list[str]:
    """Ids of the runs in the usual folder, the newest first."""
    return _fitting(incomplete, lambda: reversed(record.known(RUNS)))


def _fitting(incomplete: str, names: Callable[[], Iterable[str]]) -> list[str]:
    try:
        return [name for name in names() if name.startswith(incomplete)]
    except (EsdError, OSError):
        return []
