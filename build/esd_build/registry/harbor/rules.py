"""What a Harbor tells before gigabytes move: whether the project is there, has room, and lets the tags be written.

Harbor itself judges quota and immutability only once everything was sent (`src/server/registry/route.go` in its sources). What an account
may not look at is `unknown`, never `passed`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import requests
from wcmatch import glob

from esd_build.data.outcome import Outcome
from esd_build.data.reference import ImageReference
from esd_build.registry.session import Connection

_NO_HARBOR = frozenset({200, 301, 302, 307, 308, 400, 401, 403, 404, 405, 406, 410})
_PATTERN = glob.GLOBSTAR | glob.BRACE | glob.DOTMATCH | glob.FORCEUNIX  # what Harbor's `doublestar` selectors understand


@dataclass(frozen=True)
class Finding:
    """One check before a push, and its outcome."""

    subject: Literal["project", "quota", "immutability"]
    outcome: Outcome
    text: str


@dataclass(frozen=True)
class Selector:
    """A pattern of an immutability rule. Excluding ones apply to what does not match."""

    pattern: str
    excludes: bool

    def applies(self, name: str) -> bool:
        return glob.globmatch(name, self.pattern, flags=_PATTERN) != self.excludes


@dataclass(frozen=True)
class Rule:
    """An immutability rule of a project: tags that it applies to cannot be written once they are there."""

    repositories: Selector
    tags: Selector

    def applies(self, repository: str, tag: str) -> bool:
        """`repository` is without the project's name, as Harbor's patterns are."""
        return self.repositories.applies(repository) and self.tags.applies(tag)


@dataclass(frozen=True)
class Project:
    """A project as the account sees it; None for what it may not look at. `quota` is in bytes, -1 for no limit."""

    name: str
    quota: int | None
    used: int | None
    rules: tuple[Rule, ...] | None


def is_harbor(connection: Connection) -> bool:
    """Whether there is a Harbor behind the registry: others do not know this address."""
    answer = connection.patiently("GET", "/api/v2.0/ping", f"asking {connection.host} what it is", accepted=_NO_HARBOR)
    return answer.status_code == requests.codes.ok and answer.content.strip().strip(b'"') == b"Pong"


def findings(project: Project, reference: ImageReference, tags: Mapping[str, bool], needed: int) -> tuple[Finding, ...]:
    """What may come in the way of a push of `needed` bytes. `tags` are those to be written, True if they name another image now."""
    repository = reference.repository.partition("/")[2]
    return (
        Finding("project", "passed", f"project '{project.name}' is there"),
        _quota(project, needed),
        *_immutability(project, repository, tags),
    )


def _quota(project: Project, needed: int) -> Finding:
    if project.quota is None or project.used is None:
        return Finding("quota", "unknown", f"this account may not see the quota of '{project.name}'")
    if project.quota < 0:
        return Finding("quota", "passed", "no limit")
    free = project.quota - project.used
    sizes = f"the push needs {needed / 1e6:.0f} MB, {free / 1e6:.0f} MB of {project.quota / 1e6:.0f} MB are free"
    if needed > free:
        return Finding("quota", "failed", f"{sizes} in project '{project.name}': remove old tags, or ask its administrator for more")
    return Finding("quota", "passed", sizes)


def _immutability(project: Project, repository: str, tags: Mapping[str, bool]) -> Sequence[Finding]:
    if project.rules is None:
        return (Finding("immutability", "unknown", f"this account may not see the immutability rules of '{project.name}'"),)
    fixed = [tag for tag, is_other in tags.items() if is_other and any(rule.applies(repository, tag) for rule in project.rules)]
    if fixed:
        text = f"tag {', '.join(fixed)} names another image, and a rule of project '{project.name}' does not let it be moved"
        return (Finding("immutability", "failed", text),)
    return (Finding("immutability", "passed", "no rule forbids the push"),)
