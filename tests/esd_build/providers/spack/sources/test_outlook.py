import hashlib
from pathlib import Path

import httpx
import pytest

from esd_build.providers.spack.sources import index, outlook
from esd_build.providers.spack.sources.mirror import Source

CHECKSUM = hashlib.sha256(b"a source").hexdigest()
GITHUB = "https://github.com/nest/nest-simulator/archive/v3.8.tar.gz"


def source(name: str, url: str, project: str = "") -> Source:
    return Source(name, "1", "h", name, url, CHECKSUM, project)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Status of each address; any other cannot be reached."""
    found: dict[str, int] = {}

    def head(url: str, **_options: object) -> httpx.Response:
        if url not in found:
            raise httpx.ConnectError("name not known")
        return httpx.Response(found[url], request=httpx.Request("HEAD", url))

    monkeypatch.setattr(httpx, "head", head)
    monkeypatch.setattr(index, "address", lambda project, _sum: "https://index/there" if project == "there" else None)
    return found


def told(sources: list[Source], mirror: Path) -> str:
    return str(outlook.outlook(sources, mirror))


def test_what_is_in_the_mirror_is_not_asked_for(answers: dict[str, int], tmp_path: Path) -> None:
    (tmp_path / "nest").write_bytes(b"a source")
    assert told([source("nest", GITHUB)], tmp_path) == "1 of 1 in the mirror"


def test_what_answers_can_be_fetched(answers: dict[str, int], tmp_path: Path) -> None:
    answers[GITHUB] = 200
    listed = [source("nest", GITHUB), source("py-neo", "https://host/packages/source/n/neo/neo-1.tar.gz", "there")]
    assert told(listed, tmp_path) == "0 of 2 in the mirror, the rest can be fetched"


@pytest.mark.parametrize(
    ("one", "status", "reason"),
    [
        (source("nest", GITHUB), None, f"nest@1: {GITHUB} \\(name not known\\)"),
        (source("nest", GITHUB), 404, "nest@1: .*404 Not Found"),
        (source("py-neo", "https://host/packages/source/n/neo/neo-1.tar.gz", "gone"), 200, "the package index has no file with"),
    ],
)
def test_what_cannot_be_fetched_is_named(one: Source, status: int | None, reason: str, answers: dict[str, int], tmp_path: Path) -> None:
    import re

    if status:
        answers[one.url] = status
    text = told([one], tmp_path)
    assert text.startswith("0 of 1 in the mirror; 1 cannot be fetched:")
    assert re.search(reason, text)
