"""Lists that pip is to fetch."""

from pathlib import Path

import pytest

from esd_build.building import downloads
from esd_build.data.errors import ConfigError
from esd_build.tools.process import Finished

HASH = "--hash=sha256:" + "0" * 64


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The commands that were run."""
    found: list[object] = []

    def run(command: object) -> Finished:
        found.append(command)
        return Finished(0, ())

    monkeypatch.setattr(downloads, "run", run)
    return found


def test_a_list_with_all_hashes_goes_to_pip(tmp_path: Path, asked: list[object]) -> None:
    (tmp_path / "list.txt").write_text(f"# made by make lock\nneo==1 \\\n    {HASH} \\\n    {HASH}\n    # via x==2\nnumpy==2 {HASH}\n")
    downloads._download(tmp_path / "list.txt", tmp_path / "wheels", [])
    assert len(asked) == 1


def test_a_missing_hash_names_the_package_and_the_remedy(tmp_path: Path, asked: list[object]) -> None:
    (tmp_path / "list.txt").write_text(f"neo==1 \\\n    {HASH}\nnumpy==2  # by hand\n")
    with pytest.raises(ConfigError, match=r"list.txt: no hash for numpy==2; `make lock` writes"):
        downloads._download(tmp_path / "list.txt", tmp_path / "wheels", [])
    assert asked == []
