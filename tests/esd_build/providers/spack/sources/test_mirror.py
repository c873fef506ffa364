import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from esd_build.data.errors import ToolError
from esd_build.providers.spack.sources import index
from esd_build.providers.spack.sources import mirror as sources
from esd_build.providers.spack.sources.mirror import Source
from esd_build.tools.process import Finished

TEXT = b"a source"
CHECKSUM = hashlib.sha256(TEXT).hexdigest()


def source(
    name: str = "py-neo", sha256: str = CHECKSUM, url: str = "https://host/packages/source/n/neo/neo-1.tar.gz", **more: str
) -> Source:
    return Source(
        **{"package": name, "version": "1", "hash": "h", "path": f"ab/{name}", "url": url, "sha256": sha256, "index": "neo", **more}
    )


def printed(*entries: dict[str, str]) -> Finished:
    return Finished(0, ("==> Warning: something", "SOURCES " + json.dumps(entries)))


def entry(**changes: str) -> dict[str, str]:
    found = source()
    return {name: getattr(found, name) for name in Source.__dataclass_fields__} | {"index": ""} | changes


@pytest.mark.parametrize(
    ("url", "project"),
    [
        ("https://host/packages/source/n/neo/neo-1.tar.gz", "neo"),
        ("https://host/packages/py3/p/pip/pip-25.1.1-py3-none-any.whl", "pip"),
        ("https://host/packages/py2.py3/b/b/b-1-py2.py3-none-any.whl", "b"),
        ("https://github.com/owner/project/archive/v1.tar.gz", ""),
        ("", ""),
    ],
)
def test_files_of_the_package_index_are_known_by_their_address(url: str, project: str) -> None:
    assert [found.index for found in sources.parsed(printed(entry(url=url)))] == [project]


def test_what_lies_in_the_package_repository_needs_no_mirror() -> None:
    assert sources.parsed(printed(entry(url="file:///opt/spack-packages/cc.sh"))) == ()


def test_spack_that_fails_speaks_for_itself() -> None:
    with pytest.raises(ToolError, match=r"(?s)could not list the sources.*==> Error: no such environment"):
        sources.parsed(Finished(1, ("==> Error: no such environment",)))


def test_absent_is_what_is_not_there_or_is_something_else(tmp_path: Path) -> None:
    (tmp_path / "ab").mkdir()
    (tmp_path / "ab" / "whole").write_bytes(TEXT)
    (tmp_path / "ab" / "cut").write_bytes(TEXT[:-1])
    wanted = [source("whole"), source("cut"), source("none")]
    assert [found.package for found in sources.absent(wanted, tmp_path)] == ["cut", "none"]


class NoSpack:
    """Git repositories that cannot be reached."""

    def __call__(self, *_arguments: str, **_options: object) -> Finished:
        return Finished(1, ("==> Error: fatal: unable to access",))


def fill(monkeypatch: pytest.MonkeyPatch, mirror: Path, *wanted: Source) -> list[str]:
    files = {"file:///whole": TEXT, "file:///other": b"another one"}
    monkeypatch.setattr(sources, "_download", lambda url, target: target.write_bytes(files[url]) if url in files else _unreachable(url))
    monkeypatch.setattr(index, "address", lambda project, checksum: "file:///whole" if project == "neo" else None)
    spack: Any = NoSpack()
    return [str(found) for found in sources.fill(spack, wanted, mirror, lambda _line: None)]


def _unreachable(url: str) -> None:
    raise OSError(f"Name or service not known: {url}")


def test_everything_missing_is_said_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = fill(
        monkeypatch,
        tmp_path,
        source("there"),
        source("changed", url="file:///other", index=""),
        source("unreachable", url="https://host/x.tar.gz", index=""),
        source("not-on-index", index="nothing"),
        source("unchecked", sha256=""),
        source("commit", url="", sha256="", index=""),
    )
    assert (tmp_path / "ab" / "there").read_bytes() == TEXT
    assert [line.split(":")[0] for line in found] == ["changed@1", "unreachable@1", "not-on-index@1", "unchecked@1", "commit@1"]
    assert f"its recipe says {CHECKSUM[:12]}" in found[0]
    assert "cannot be reached (Name or service not known" in found[1]
    assert "no file with the recipe's checksum" in found[2]
    assert found[3].endswith("its recipe has no checksum")
    assert "git repository cannot be reached (==> Error: fatal: unable to access)" in found[4]
    assert sorted(path.name for path in (tmp_path / "ab").iterdir()) == ["there"]


def test_what_is_there_is_not_fetched_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ab").mkdir()
    (tmp_path / "ab" / "py-neo").write_bytes(TEXT)
    assert fill(monkeypatch, tmp_path, source(url="https://host/gone", index="")) == []


def test_pip_says_where_files_are() -> None:
    said = """\
  Found link https://host/a/b/neo-1.tar.gz#sha256={} (from https://index/neo/) (requires-python:>=3.9), version: 1
  Skipping link: not compatible: file:///opt/wheels/neo-1-cp27.whl#sha256={} (from -f /opt)
  Found link https://host/no-checksum.tar.gz (from https://index/neo/), version: 2
""".format("1" * 64, "2" * 64)
    assert index.links(said) == {"1" * 64: "https://host/a/b/neo-1.tar.gz", "2" * 64: "file:///opt/wheels/neo-1-cp27.whl"}


def test_pages_in_json_are_read_here_for_pip_keeps_their_checksums_to_itself() -> None:
    said = """\
Getting page https://index/simple/neo/
Fetched page https://index/simple/neo/ as application/vnd.pypi.simple.v1+json
  Found link https://host/a/neo-1.tar.gz (from https://index/simple/neo/), version: 1
Fetched page https://other/neo/ as text/html
"""
    listed = [
        {"filename": "neo-1.tar.gz", "url": "https://host/a/neo-1.tar.gz", "hashes": {"sha256": "1" * 64}},
        {"filename": "neo-2.tar.gz", "url": "../../files/neo-2.tar.gz", "hashes": {"sha256": "2" * 64}},
        {"filename": "neo-0.tar.gz", "url": "https://host/a/neo-0.tar.gz", "hashes": {}},
    ]
    assert index.pages(said) == ("https://index/simple/neo/",)
    assert index.files("https://index/simple/neo/", json.dumps({"files": listed}).encode()) == {
        "1" * 64: "https://host/a/neo-1.tar.gz",
        "2" * 64: "https://index/files/neo-2.tar.gz",
    }


def test_an_index_that_cannot_be_asked_is_not_one_without_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def address(_project: str, _checksum: str) -> str | None:
        raise ToolError("the package index cannot be asked for neo")

    monkeypatch.setattr(index, "address", address)
    spack: Any = None
    assert [str(one) for one in sources.fill(spack, [source()], tmp_path, lambda _line: None)] == [
        "py-neo@1: the package index cannot be asked for neo"
    ]


def test_an_accepted_file_lies_where_spack_looks_for_it(tmp_path: Path) -> None:
    """Spack's mirror has the checksum in the path, and the rewritten recipe asks for that of the accepted file."""
    recipe, brought = "e" * 64, tmp_path / "nest.tar.gz"
    brought.write_bytes(TEXT)
    wanted = source("nest", sha256=recipe, path=f"_source-cache/archive/ee/{recipe}.tar.gz", index="")
    taken = sources.bring(brought, [wanted], tmp_path / "mirror", named="nest@1", accept=CHECKSUM)

    assert taken is not None
    assert (tmp_path / "mirror" / f"_source-cache/archive/{CHECKSUM[:2]}/{CHECKSUM}.tar.gz").read_bytes() == TEXT
    assert sources.absent(sources.as_accepted([wanted], {taken.recipe: taken.sha256}), tmp_path / "mirror") == ()
