"""Unix accounts that exist only inside a site: its processes, and nobody else, see its own /etc/passwd and /etc/group."""

import pwd
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from esd_localsite.errors import LocalSiteError

_FIRST_ID = 61_000
_LAST_ID = 61_999
"""Above what useradd gives, below the machine's reserved ranges."""


@dataclass(frozen=True)
class SiteAccount:
    """One account; its group has the same name and number."""

    name: str
    uid: int
    home: Path

    @property
    def passwd_line(self) -> str:
        return f"{self.name}:x:{self.uid}:{self.uid}:local site:{self.home}:/bin/bash"

    @property
    def group_line(self) -> str:
        return f"{self.name}:x:{self.uid}:"


def assign(names: Iterable[str], homes: Path, known: Mapping[str, int], taken: Callable[[int], bool]) -> tuple[SiteAccount, ...]:
    """An account for each name. Names in `known` keep their numbers; new names get unused ones."""
    used = set(known.values())
    free = (uid for uid in range(_FIRST_ID, _LAST_ID + 1) if uid not in used and not taken(uid))
    try:
        return tuple(SiteAccount(name, known.get(name) or next(free), homes / name) for name in names)
    except RuntimeError as error:
        raise LocalSiteError(f"no free user ids between {_FIRST_ID} and {_LAST_ID}") from error


def known_accounts(homes: Path) -> dict[str, int]:
    """Everyone who has had an account at the site, by the owners of the homes. They keep it, because their files and jobs still exist."""
    return {home.name: home.stat().st_uid for home in sorted(homes.iterdir())} if homes.is_dir() else {}


def merged(machine: str, lines: Iterable[str]) -> str:
    """The machine's file plus lines for the site's accounts, which replace lines of the same name."""
    added = tuple(lines)
    names = {line.split(":")[0] for line in added}
    kept = (line for line in machine.splitlines() if line.split(":")[0] not in names)
    return "\n".join((*kept, *added)) + "\n"


def is_taken(uid: int) -> bool:
    """Whether the machine has a user with that number."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
