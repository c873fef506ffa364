import os
import subprocess
from pathlib import Path

import pytest

from esd_build.building.cache import Cache
from esd_build.data.errors import ToolError, UsageError
from esd_build.providers.spack.locks.environment import Tool, Tools
from esd_build.providers.spack.workshop.checkout import trees
from esd_build.tools.process import Account

pytestmark = pytest.mark.integration

UNREACHABLE = "https://localhost:1/spack"


def git(repository: Path, *arguments: str) -> str:
    command = ("git", "-C", str(repository), "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments)
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet")
    for text in ("old", "new"):
        (folder / "version").write_text(text)
        git(folder, "add", "-A")
        git(folder, "commit", "--quiet", "-m", text)
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", Account("me", os.geteuid(), os.getegid(), tmp_path))


def tools(commit: str) -> Tools:
    tool = Tool(version="1", commit=commit, repository=UNREACHABLE)
    return Tools(spack=tool, packages=tool)


def test_the_pinned_commit_is_taken_whatever_is_checked_out(repository: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = git(repository, "rev-parse", "HEAD~1")
    monkeypatch.setenv("SPACK_ROOT", str(repository))
    monkeypatch.setenv("SPACK_PACKAGES", str(repository))
    said: list[str] = []
    found = trees(tools(commit), cache, said.append)
    assert (found.spack / "version").read_text() == "old"
    assert "from $SPACK_ROOT" in said[0]
    said.clear()
    monkeypatch.delenv("SPACK_ROOT")
    assert trees(tools(commit), cache, said.append) == found
    assert said == []


def test_a_repository_without_the_commit(repository: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACK_ROOT", str(repository))
    with pytest.raises(UsageError, match=r"\$SPACK_ROOT: .* is no git repository with commit c{40}.*git fetch --tags"):
        trees(tools("c" * 40), cache, print)
    monkeypatch.setenv("SPACK_ROOT", str(repository / "nothing"))
    with pytest.raises(UsageError, match=r"\$SPACK_ROOT: .* is not a folder"):
        trees(tools("c" * 40), cache, print)


def test_without_a_repository_at_hand_or_a_network(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACK_ROOT", raising=False)
    with pytest.raises(ToolError, match=r"could not be reached .*name a git repository that has commit cccccccccc \(1\) with \$SPACK_ROOT"):
        trees(tools("c" * 40), cache, print)
    assert not list((cache.root / "spack" / "clones").iterdir())
