"""Environment variables that a user asks for, for one run. Pure."""

import re

from esd_build.data.errors import UsageError
from esd_deploy.sites.config import SiteConfig

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HOSTS = "the job's own programs need the site's; let the script change os.environ"
_ELSEWHERE = {
    "OMP_NUM_THREADS": "--threads sets it",
    "PYNN_SIMULATOR": "`backend` of the site's file sets it",
    **dict.fromkeys(("PATH", "HOME", "LD_LIBRARY_PATH", "BASH_ENV"), _HOSTS),
}


def with_variables(site: SiteConfig, chosen: tuple[tuple[str, str], ...]) -> SiteConfig:
    """The site with a run's own variables, which override the site's.

    Raises UsageError for an invalid name, or one that is set elsewhere.
    """
    for name, value in chosen:
        if not _NAME.fullmatch(name) or not (value.isprintable() or not value):
            raise UsageError(f"variable {name!r}: expected letters, digits and _ in the name, and one line of text as value")
        if name.startswith("ESD_") or name in _ELSEWHERE:
            raise UsageError(f"variable {name}: {_ELSEWHERE.get(name, 'names that begin with ESD_ belong to esd-deploy; choose another')}")
    return site.model_copy(update={"environment": {**site.environment, **dict(chosen)}}) if chosen else site
