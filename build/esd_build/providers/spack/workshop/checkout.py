"""Where Spack and its packages come from: the pinned commits, out of repositories at hand or out of their public ones."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from esd_build.building.cache import Cache
from esd_build.data.errors import ToolError, UsageError
from esd_build.data.whole import whole_folder
from esd_build.providers.spack.locks.environment import Tool, Tools
from esd_build.tools.process import Finished, run

SPACK_VARIABLE, PACKAGES_VARIABLE = "SPACK_ROOT", "SPACK_PACKAGES"


@dataclass(frozen=True)
class Trees:
    """Spack and its package repository, as they are at the pinned commits; nothing else is in these folders."""

    spack: Path
    packages: Path

    @property
    def builtin(self) -> Path:
        """The folder that Spack's configuration names as its own package repository."""
        return self.packages / "repos" / "spack_repo" / "builtin"


def trees(tools: Tools, cache: Cache, say: Callable[[str], None]) -> Trees:
    """Both trees, taken once, kept in the cache.

    $SPACK_ROOT and $SPACK_PACKAGES name git repositories at hand; what they have checked out does not matter, the pinned commit does.
    Raises UsageError if such a repository lacks the commit, ToolError if the public one cannot be reached.
    """
    return Trees(_tree(tools.spack, SPACK_VARIABLE, cache, say), _tree(tools.packages, PACKAGES_VARIABLE, cache, say))


def _tree(tool: Tool, variable: str, cache: Cache, say: Callable[[str], None]) -> Path:
    target = cache.root / "spack" / "trees" / tool.commit
    if target.is_dir():
        return target
    cache.make_folder(target.parent)
    chosen = os.environ.get(variable)
    say(f"==> {tool.repository.rsplit('/', 1)[1]} {tool.version} ({tool.commit[:10]}) from {f'${variable}' if chosen else tool.repository}")
    repository = Path(chosen) if chosen else _cloned(tool, variable, cache)
    _require_commit(repository, tool, variable)
    with whole_folder(target) as part:
        archive = part.with_suffix(".tar")
        _done(git(repository, "archive", "--format=tar", "--output", str(archive), tool.commit), f"reading commit {tool.commit[:10]}")
        _done(run(("tar", "-C", str(part), "--no-same-owner", "-xf", str(archive))), "unpacking Spack")
        archive.unlink()
        cache.account.own(part)
    return target


def _cloned(tool: Tool, variable: str, cache: Cache) -> Path:
    """The one commit, fetched from the public repository."""
    clone = cache.make_folder(cache.root / "spack" / "clones" / f"{tool.commit}.git")
    _done(git(clone, "init", "--bare", "--quiet"), "making a git repository")
    fetched = git(clone, "fetch", "--quiet", "--depth", "1", tool.repository, tool.commit)
    if fetched.returncode != 0:
        shutil.rmtree(clone)
        raise ToolError(
            f"{tool.repository} could not be reached ({fetched.tail[-1] if fetched.tail else 'no answer'}); "
            f"name a git repository that has commit {tool.commit[:10]} ({tool.version}) with ${variable}"
        )
    return clone


def _require_commit(repository: Path, tool: Tool, variable: str) -> None:
    if not repository.is_dir():
        raise UsageError(f"${variable}: {repository} is not a folder; expected a git repository of {tool.repository}")
    if git(repository, "cat-file", "-e", f"{tool.commit}^{{commit}}").returncode != 0:
        raise UsageError(
            f"${variable}: {repository} is no git repository with commit {tool.commit} ({tool.version}), which "
            f"spack-envs/common/tools.yaml names; fetch it there with: git fetch --tags {tool.repository}"
        )


def git(repository: Path, *arguments: str) -> Finished:
    """Run git in a repository, whoever owns it: it is only read, or our own."""
    return run(("git", "-c", "safe.directory=*", "-C", str(repository.absolute()), *arguments))


def _done(finished: Finished, doing: str) -> None:
    if finished.returncode != 0:
        raise ToolError(f"{doing} failed:\n{finished.text}")
