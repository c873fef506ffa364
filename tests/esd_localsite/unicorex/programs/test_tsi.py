import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from esd_localsite.errors import LocalSiteError
from esd_localsite.state.repositories import Repository
from esd_localsite.unicorex.programs import tsi
from esd_localsite.unicorex.programs.tsi import install_tsi


def silent(_text: str) -> None:
    pass


def archive(sources: Path, target: Path, name: str = "unicore-tsi-10.1.2") -> Path:
    with tarfile.open(target, "w:gz") as packed:
        packed.add(sources, name)
    return target


@pytest.mark.parametrize("packed", [False, True])
def test_it_is_put_together_from_a_folder_or_an_archive(sources: Path, tmp_path: Path, packed: bool) -> None:
    given = archive(sources, tmp_path / "tsi.tar.gz") if packed else sources
    assert install_tsi(given, tmp_path / "store", tmp_path / "tsi", silent) == "10.1.2"
    assert {path.name: path.read_text() for path in (tmp_path / "tsi").iterdir()} == {
        "TSI.py": 'MY_VERSION = "10.1.2"\n',
        "BSS.py": "slurm\n",
    }


def test_the_one_of_before_is_gone(sources: Path, tmp_path: Path) -> None:
    (tmp_path / "tsi").mkdir()
    (tmp_path / "tsi" / "Old.py").touch()
    install_tsi(sources, tmp_path / "store", tmp_path / "tsi", silent)
    assert not (tmp_path / "tsi" / "Old.py").exists()


@pytest.mark.parametrize("version", ["10.2.0", "11.1.0"])
def test_a_version_that_the_server_cannot_use_is_refused(sources: Path, tmp_path: Path, version: str) -> None:
    (sources / "CHANGES.md").write_text(f"Version {version}\n")
    with pytest.raises(LocalSiteError, match=f"TSI {version} does not work with UNICORE/X 2.9.0"):
        install_tsi(sources, tmp_path / "store", tmp_path / "tsi", silent)


def test_a_version_that_nobody_tells_is_refused(sources: Path, tmp_path: Path) -> None:
    (sources / "CHANGES.md").unlink()
    with pytest.raises(LocalSiteError, match=r"it has no CHANGES\.md"):
        install_tsi(sources, tmp_path / "store", tmp_path / "tsi", silent)


def test_what_is_no_tsi_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.tar").write_text("no archive")
    with pytest.raises(LocalSiteError, match="neither a readable tar archive"):
        install_tsi(tmp_path / "text.tar", tmp_path / "store", tmp_path / "tsi", silent)
    (tmp_path / "empty").mkdir()
    with pytest.raises(LocalSiteError, match="this is not a TSI"):
        install_tsi(tmp_path / "empty", tmp_path / "store", tmp_path / "tsi", silent)


def test_an_archive_writes_nowhere_else(sources: Path, tmp_path: Path) -> None:
    given = tmp_path / "evil.tar"
    with tarfile.open(given, "w") as packed:
        packed.add(sources, "tsi")
        packed.add(sources / "lib" / "TSI.py", "../../outside.py")
        packed.add(sources / "lib" / "TSI.py", "../../lib/Extra.py")
        link = tarfile.TarInfo("tsi/lib/Link.py")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/shadow"
        packed.addfile(link)
    install_tsi(given, tmp_path / "store", tmp_path / "tsi", silent)
    assert {path.name for path in (tmp_path / "tsi").iterdir()} == {"TSI.py", "BSS.py", "Extra.py"}
    assert not (tmp_path / "outside.py").exists()


def test_the_pinned_one_is_fetched_once(sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = []

    def fetch(target: Path, repository: Repository) -> None:
        fetched.append(repository.commit)
        shutil.copytree(sources, target)

    monkeypatch.setattr(tsi, "fetch", fetch)
    monkeypatch.setattr(tsi, "differences", lambda _folder: ())
    for _ in range(2):
        assert install_tsi(None, tmp_path / "store", tmp_path / "tsi", silent) == tsi.PINNED
    assert fetched == [tsi.REPOSITORY.commit]


@pytest.mark.integration
def test_a_repository_with_other_files_under_the_commit_is_refused(sources: Path, tmp_path: Path) -> None:
    import subprocess

    git = ("git", "-C", str(sources), "-c", "user.name=x", "-c", "user.email=x@localhost")
    for arguments in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "x")):
        subprocess.run((*git, *arguments), check=True)
    commit = subprocess.run((*git, "rev-parse", "HEAD"), check=True, capture_output=True, text=True).stdout.strip()
    with pytest.raises(LocalSiteError, match="has another TSI under commit"):
        tsi.fetch(tmp_path / "store" / "tsi", replace(tsi.REPOSITORY, url=str(sources), commit=commit))
    assert not (tmp_path / "store" / "tsi").exists()
    with pytest.raises(LocalSiteError, match=r"cannot fetch UNICORE.s TSI from .*give the TSI with --tsi"):
        tsi.fetch(tmp_path / "store" / "tsi", replace(tsi.REPOSITORY, url=str(tmp_path / "nowhere"), commit=commit))
