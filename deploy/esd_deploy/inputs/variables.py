"""Environment variables that a user asks for, for one run. Pure."""

import re

from esd_build.data.errors import UsageError
from esd_deploy.sites.config import SiteConfig

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST = 100_000
"""Of a value in bytes: Linux starts no program with a variable of more than 131,072 bytes."""
_SHELLS = re.compile(
    "BASH.*|COMP_.*|SHELLOPTS|E?UID|PPID|GROUPS|DIRSTACK|FUNCNAME|PIPESTATUS|HISTCMD|IFS|OPT(ARG|ERR|IND)|PWD|OLDPWD|SHLVL|_"
    "|S?RANDOM|SECONDS|EPOCH(REALTIME|SECONDS)|LINENO"
)
"""What bash sets by itself, or refuses to have set."""
_HOSTS = "the job's own programs need the site's; let the script change os.environ"
_ELSEWHERE = {
    "OMP_NUM_THREADS": "--threads sets it",
    "PYNN_SIMULATOR": "`backend` of the site's file sets it",
    **dict.fromkeys(("PATH", "HOME", "LD_LIBRARY_PATH", "BASH_ENV"), _HOSTS),
}


def with_variables(site: SiteConfig, chosen: tuple[tuple[str, str], ...]) -> SiteConfig:
    """The site with a run's own variables, which override the site's.

    Raises UsageError for an invalid name, one that is set elsewhere, or a value that no program can be given.
    """
    for name, value in chosen:
        if not _NAME.fullmatch(name):
            raise UsageError(f"variable {name!r}: expected letters, digits and _ in the name, and no digit at its beginning")
        if name.startswith("ESD_") or name in _ELSEWHERE:
            raise UsageError(f"variable {name}: {_ELSEWHERE.get(name, 'names that begin with ESD_ belong to esd-deploy; choose another')}")
        if _SHELLS.fullmatch(name):
            raise UsageError(f"variable {name}: the shell of the job sets it by itself; choose another name")
        _require_value(name, value)
    return site.model_copy(update={"environment": {**site.environment, **dict(chosen)}}) if chosen else site


def _require_value(name: str, value: str) -> None:
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise UsageError(f"variable {name}: its value is not UTF-8 text; send the bytes as a file, with --input") from None
    if "\0" in value or size > _LONGEST:
        raise UsageError(f"variable {name}: expected text without NUL, at most {_LONGEST:,} bytes; send more as a file, with --input")
