"""What the shell offers after TAB: names of sites and images, ids of runs.

If nothing can be read, it offers nothing: a TAB reports no errors.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from esd_build.data.errors import EsdError
from esd_deploy.records import record
from esd_deploy.records.record import RUNS

if TYPE_CHECKING:
    from esd_deploy.sites.catalogue import Catalogue


def sites(incomplete: str) -> list[str]:
    """Names of sites."""
    return _fitting(incomplete, lambda: _catalogue().site_names)


def images(incomplete: str) -> list[str]:
    """Names of images."""
    return _fitting(incomplete, lambda: _catalogue().image_names)


def runs(incomplete: str) -> list[str]:
    """Ids of the runs in the usual folder, the newest first."""
    return _fitting(incomplete, lambda: reversed(record.known(RUNS)))


def _catalogue() -> "Catalogue":
    from esd_deploy.sites.catalogue import Catalogue  # noqa: PLC0415 - each command loads this module, and few are completed

    return Catalogue.find()


def _fitting(incomplete: str, names: Callable[[], Iterable[str]]) -> list[str]:
    try:
        return [name for name in names() if name.startswith(incomplete)]
    except (EsdError, OSError):
        return []
