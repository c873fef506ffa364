import hashlib
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from esd_localsite.errors import LocalSiteError
from esd_localsite.unicorex.programs import jars
from esd_localsite.unicorex.programs.jars import kept, provide
from esd_localsite.unicorex.programs.listing import problems, read_list

Resolve = Callable[..., None]
WANTED = {"a-1.jar": b"one", "b-2.jar": b"two"}


@pytest.fixture(autouse=True)
def listed(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    text = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in WANTED.items())
    hashes = tmp_path_factory.mktemp("list") / "jars.sha256"
    hashes.write_text(text)
    monkeypatch.setattr(jars, "UNICOREX", replace(jars.UNICOREX, hashes=hashes))


def resolving(files: dict[str, bytes], calls: list[Path]) -> Resolve:
    def resolve(target: Path, _programs: object, _caller: object) -> None:
        calls.append(target)
        target.mkdir()
        for name, content in files.items():
            (target / name).write_bytes(content)

    return resolve


def silent(_text: str) -> None:
    pass


def test_they_are_fetched_once_and_kept_by_content(tmp_path: Path) -> None:
    calls: list[Path] = []
    folder = provide(tmp_path, jars.UNICOREX, {}, silent, resolving(WANTED, calls))
    assert provide(tmp_path, jars.UNICOREX, {}, silent, resolving(WANTED, calls)) == folder == kept(tmp_path, jars.UNICOREX)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == WANTED
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({**WANTED, "b-2.jar": b"evil"}, "b-2.jar has another hash"),
        ({"a-1.jar": b"one"}, "b-2.jar is missing"),
        ({**WANTED, "c-3.jar": b"three"}, "c-3.jar is not in the list"),
    ],
)
def test_other_files_are_refused_and_nothing_is_kept(tmp_path: Path, files: dict[str, bytes], said: str) -> None:
    with pytest.raises(LocalSiteError, match=re.escape(said)):
        provide(tmp_path, jars.UNICOREX, {}, silent, resolving(files, []))
    assert not kept(tmp_path, jars.UNICOREX).exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.integration
def test_maven_without_a_network_is_told_and_nothing_is_kept(tmp_path: Path) -> None:
    """The real Maven, for somebody whose mirror does not answer and who has nothing yet."""
    if shutil.which("mvn") is None:
        pytest.skip("no Maven here: `make setup SERVER=unicorex` installs it")
    (tmp_path / ".m2").mkdir()
    mirror = "<mirror><id>m</id><mirrorOf>*</mirrorOf><url>http://127.0.0.1:1/</url></mirror>"
    (tmp_path / ".m2" / "settings.xml").write_text(f"<settings><mirrors>{mirror}</mirrors></settings>")
    environment = {"PATH": os.environ["PATH"], "MAVEN_OPTS": f"-Duser.home={tmp_path}"}
    store = tmp_path / "store"
    with pytest.raises(LocalSiteError, match=r"(?s)Maven cannot fetch UNICORE/X's programs: .*Is there a network\?.*settings\.xml"):
        provide(store, jars.UNICOREX, environment, silent)
    assert list(store.iterdir()) == []


def test_damaged_ones_are_fetched_anew(tmp_path: Path) -> None:
    folder, calls = provide(tmp_path, jars.UNICOREX, {}, silent, resolving(WANTED, [])), []
    (folder / "a-1.jar").write_bytes(b"damaged")
    provide(tmp_path, jars.UNICOREX, {}, silent, resolving(WANTED, calls))
    assert len(calls) == 1
    assert (folder / "a-1.jar").read_bytes() == b"one"


def test_what_maven_says_comes_to_its_reason() -> None:
    said = "[INFO] x\n[\x1b[1;31mERROR\x1b[m] Could not transfer artifact a:b:1: Unknown host repo\n[ERROR] -> [Help 1]\n"
    assert jars._refused("UNICORE/X", said).startswith(
        "Maven cannot fetch UNICORE/X's programs: Could not transfer artifact a:b:1: Unknown host repo\n"
    )


def test_a_list_is_read_and_a_folder_compared(tmp_path: Path) -> None:
    digest = hashlib.sha256(b"x").hexdigest()
    assert read_list(f"{digest}  a\n\n") == {"a": digest}
    with pytest.raises(ValueError, match="not a line of a list"):
        read_list("nonsense\n")
    (tmp_path / "a").write_bytes(b"x")
    assert problems(tmp_path, {"a": digest}, ["a"]) == ()


def test_the_committed_lists_are_such_lists() -> None:
    folder = Path(jars.__file__).parent
    server, tsi = (read_list((folder / name).read_text()) for name in ("jars.sha256", "tsi.sha256"))
    assert "uas-core-2.9.0.jar" in server
    assert all(re.fullmatch(r"[\w.+-]+\.jar", name) for name in server)
    assert {"lib/TSI.py", "slurm/BSS.py"} <= set(tsi)
