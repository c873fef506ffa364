"""Spack's spec syntax, as far as versions are in it: `namespace.name@version %compiler@version ^dependency@version`. Pure.

Follows Spack's documentation, "Spec syntax". Variants, targets and hashes are passed over.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# What may hold the characters that part a spec, and says nothing of a version: attributes of edges, and `key=value` with quotes.
_ASIDE = re.compile(r"\[[^\]]*\]|[\w-]+==?(?:\"[^\"]*\"|'[^']*')")
_NODE = re.compile(r"^\s*(?:(?:[\w-]+\.)*(?P<name>[A-Za-z0-9_][\w-]*)(?![\w-]*=))?\s*(?:@(?P<version>[^\s+~%^]+))?")


@dataclass(frozen=True)
class Mention:
    """One package that a spec names with a version. `git` is the reference that stands for the version, where one does."""

    name: str
    version: str
    git: str = ""

    @property
    def is_exact(self) -> bool:
        """False for a range such as `3.8:`, for a list, and for a git reference that does not say which version it is."""
        return bool(self.version) and not re.search(r"[:,]", self.version)


def mentions(spec: str) -> Iterator[Mention]:
    """Every package with a version, the spec's own first; one without a name (`@3.8`, in `require:`) has the name ''."""
    for node in re.split(r"[\^%]+", _ASIDE.sub("", spec)):
        match = _NODE.match(node)
        if match and match["version"]:
            yield _mention(match["name"] or "", match["version"])


def package_of(spec: str) -> str:
    """The name of the package that a spec is of, without its namespace; '' where it names none."""
    match = _NODE.match(_ASIDE.sub("", spec))
    return _plain(match["name"] or "") if match else ""


def _mention(name: str, version: str) -> Mention:
    version = version.removeprefix("=")
    git = ""
    if version.startswith("git."):
        git, _, version = version.partition("=")
    return Mention(_plain(name), version, git)


def _plain(name: str) -> str:
    return name.replace("_", "-").lower()
