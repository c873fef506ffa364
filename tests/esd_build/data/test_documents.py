from pathlib import Path

import pytest
from pydantic import Field

from esd_build.data import documents
from esd_build.data.documents import Document
from esd_build.data.errors import ConfigError, UsageError
from esd_build.data.names import choose


class Limits(Document):
    max_nodes: int


class Site(Document):
    name: str
    url: str
    limits: Limits | None = None
    queues: dict[str, Limits] = Field(default_factory=dict)


def load(tmp_path: Path, text: str) -> Site:
    path = tmp_path / "here.yaml"
    path.write_text(text)
    return documents.load(path, Site, name="here")


def test_valid_file(tmp_path: Path) -> None:
    assert load(tmp_path, "url: https://x\nqueues: {batch: {max_nodes: 2}}\n").queues["batch"].max_nodes == 2


def test_all_violations_are_listed_with_path_and_nearest_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, "ulr: https://x\nlimits: {max_node: 2}\nqueues: {batch: {max_nodes: many}}\n")
    message = str(raised.value)
    assert str(tmp_path / "here.yaml") in message
    for line in (
        "url: missing",
        "ulr: unknown key; did you mean 'url'?",
        "limits.max_nodes: missing",
        "limits.max_node: unknown key; did you mean 'max_nodes'?",
        "queues.batch.max_nodes: Input should be a valid integer",
    ):
        assert line in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("url: a\nurl: b\n", "line 2, column 1: found duplicate key"),
        ("url: [a\n", "line 2"),
        ("- url\n", "expected a mapping"),
        ("", "expected a mapping"),
        ("url: x\nname: other\n", "given by the file's place"),
    ],
)
def test_malformed_file_says_where(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(tmp_path, text)


def test_missing_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        documents.load(tmp_path / "none.yaml", Site)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        documents.load(tmp_path / "binary.yaml", Site)


def test_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"unknown site 'jusfu'; did you mean 'jusuf'\?"):
        choose("jusfu", ["jusuf", "local"], what="site")
    with pytest.raises(UsageError, match="there is: jusuf, local"):
        choose("zzz", ["local", "jusuf"], what="site")


def test_capitals_are_seen_through() -> None:
    with pytest.raises(UsageError, match=r"unknown image 'NEST'; did you mean 'nest'\?"):
        choose("NEST", ["base", "nest", "nest-server"], what="image")
