"""Finds Java and Maven, and checks that they are new enough."""

import re
from collections.abc import Callable
from pathlib import Path

from esd_localsite.errors import LocalSiteError
from esd_localsite.state.programs import find_program, run

OLDEST = 17
INSTALLS = "`make setup SERVER=unicorex` installs it"
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')


def find_java(find: Callable[[str], str | None] = find_program, ask: Callable[..., str] = run) -> Path:
    """The Java runtime. Raises LocalSiteError if it is missing or too old for UNICORE/X."""
    found = find("java")
    if found is None:
        raise LocalSiteError(
            f"UNICORE/X needs Java {OLDEST} or newer, and this machine has no `java` (Debian package: default-jre-headless); {INSTALLS}"
        )
    said = ask((found, "-XshowSettings:none", "--version"))
    version = java_version(said)
    if version < OLDEST:
        raise LocalSiteError(
            f"UNICORE/X needs Java {OLDEST} or newer, and {found} is Java {version or 'of an unknown version'}: {INSTALLS}; "
            "where both are there, `update-alternatives --config java` chooses"
        )
    return Path(found)


def java_version(said: str) -> int:
    """The major version in the output of `java --version` (or `-version`); 0 if it has none."""
    match = _VERSION.search(said) or re.search(r"^\S+ (\d+)[.\s]", said, re.MULTILINE)
    return int(match[1]) if match else 0


def find_maven(find: Callable[[str], str | None] = find_program) -> str:
    """Maven. Raises LocalSiteError if it is missing."""
    found = find("mvn")
    if found is None:
        raise LocalSiteError(f"Maven fetches UNICORE/X's programs, and this machine has no `mvn` (Debian package: maven); {INSTALLS}")
    return found
