import os
from pathlib import Path

import pytest

from esd_build.building import shelf
from esd_build.building.cache import Cache
from esd_build.building.shelf import Kept
from esd_build.data.errors import UsageError
from esd_build.tools.process import Account

OLD, MIDDLE, NEW = (Kept(Path(name), "images", 10, used) for name, used in (("old", 1.0), ("middle", 2.0), ("new", 3.0)))
SPACK = Kept(Path("kept"), "spack", 100, 0.0)


@pytest.mark.parametrize(
    ("limit", "needed", "going"),
    [
        (30, (), ()),
        (29, (), (OLD,)),
        (15, (), (OLD, MIDDLE)),
        (15, ("old",), (MIDDLE, NEW)),
        (0, (), (OLD, MIDDLE, NEW)),
    ],
)
def test_the_longest_unused_goes_first(limit: int, needed: tuple[str, ...], going: tuple[Kept, ...]) -> None:
    assert tuple(shelf.surplus((NEW, OLD, MIDDLE), limit, frozenset(Path(name) for name in needed))) == going


def test_what_spack_keeps_stays() -> None:
    assert tuple(shelf.surplus((SPACK, OLD), 0)) == (OLD,)


def test_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shelf.limit() == 20 * 1000**3
    monkeypatch.setenv("ESD_IMAGES_CACHE_LIMIT", "0.5")
    assert shelf.limit() == 5 * 10**8
    monkeypatch.setenv("ESD_IMAGES_CACHE_LIMIT", "much")
    with pytest.raises(UsageError, match="ESD_IMAGES_CACHE_LIMIT=much: expected a number of gigabytes"):
        shelf.limit()


def test_what_is_kept_and_how_large(tmp_path: Path) -> None:
    cache = Cache.at(tmp_path, Account("me", os.geteuid(), os.getegid(), tmp_path))
    (tmp_path / "images" / "nest-1.sif").write_bytes(bytes(8192))
    (tmp_path / "images" / "base-1.packages.txt").write_text("belongs to an image")
    (tmp_path / "wheels" / "2").mkdir()
    (tmp_path / "wheels" / "2" / "a.whl").write_bytes(bytes(4096))
    found = {entry.path.name: entry for entry in shelf.kept(cache)}
    assert set(found) == {"nest-1.sif", "2"}
    assert found["nest-1.sif"].size >= 8192
    assert found["2"].size >= 4096


def test_removes_what_root_wrote_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The account that builds may not remove these: nothing happens when it tries.
    monkeypatch.setattr(shelf, "remove_as", lambda *_: None)
    cache = Cache.at(tmp_path, Account.current())
    for kind, name in (("images", "nest-1.sif"), ("images", "nest-1.packages.txt"), ("logs", "nest-1.log"), ("wheels", "1/a.whl")):
        path = tmp_path / kind / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    going = [
        Kept(tmp_path / kind / name, kind, 1, 1.0) for kind, name in (("images", "nest-1.sif"), ("logs", "nest-1.log"), ("wheels", "1"))
    ]
    shelf.remove(cache, going)
    assert [path for kind in ("images", "logs", "wheels") for path in (tmp_path / kind).iterdir()] == []
