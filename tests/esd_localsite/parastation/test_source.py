"""ParaStation's source: what is taken, and what is refused."""

import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from esd_localsite.errors import LocalSiteError
from esd_localsite.parastation import source
from esd_localsite.parastation.source import files_hash, opened

PARTS = ("configure", "plugins/psslurm/src/psslurm/psslurm.c", "plugins/pspmix/slurm/mpi_pspmix.c")


def silent(_text: str) -> None:
    pass


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A folder that looks like the source."""
    folder = tmp_path / "given"
    for part in PARTS:
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        (folder / part).write_text(part)
    (folder / "configure").chmod(0o755)
    return folder


def archive(folder: Path, target: Path) -> Path:
    with tarfile.open(target, "w:gz") as packed:
        packed.add(folder, "psmgmt-1")
    return target


def test_a_folder_an_archive_and_a_clone_have_the_same_hash(given: Path, tmp_path: Path) -> None:
    wanted = files_hash(given)
    (given / ".git").mkdir()
    (given / ".git" / "HEAD").write_text("x")
    for form in (given, archive(given, tmp_path / "psmgmt.tar.gz")):
        with opened(form, wanted, silent) as found:
            assert found.hash == wanted
            assert {path.relative_to(found.folder).as_posix() for path in found.folder.rglob("*") if path.is_file()} == set(PARTS)
            assert (found.folder / "configure").stat().st_mode & 0o100
        assert not found.folder.exists()


@pytest.mark.parametrize("change", ["content", "name", "mode"])
def test_another_source_is_refused_unless_its_hash_is_accepted(given: Path, change: str) -> None:
    wanted = files_hash(given)
    if change == "content":
        (given / "configure").write_text("other")
    elif change == "name":
        (given / "more.c").touch()
    else:
        (given / "configure").chmod(0o644)
    found = files_hash(given)
    with pytest.raises(LocalSiteError, match=f"have the hash {found}; expected is {wanted}, and nothing was built.*--psmgmt-hash {found}"):
        opened(given, wanted, silent).__enter__()
    with opened(given, found, silent) as accepted:
        assert accepted.hash == found


def test_the_tried_commit_is_what_counts_if_no_hash_is_given(given: Path) -> None:
    with pytest.raises(LocalSiteError, match=f"expected is {source.PINNED}"):
        opened(given, None, silent).__enter__()


def test_what_is_no_source_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.tar").write_text("no archive")
    with pytest.raises(LocalSiteError, match="neither a readable tar archive nor a folder"):
        opened(tmp_path / "text.tar", None, silent).__enter__()
    (tmp_path / "empty").mkdir()
    with pytest.raises(LocalSiteError, match="not the source of ParaStation Management: it lacks configure"):
        opened(tmp_path / "empty", None, silent).__enter__()


def test_a_truncated_archive_is_refused(given: Path, tmp_path: Path) -> None:
    (given / "configure").write_bytes(bytes(range(256)) * 400)
    whole = archive(given, tmp_path / "whole.tar.gz").read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LocalSiteError, match="neither a readable tar archive nor a folder"):
        opened(tmp_path / "cut.tar.gz", None, silent).__enter__()


def test_an_archive_writes_nowhere_else_and_no_links(given: Path, tmp_path: Path) -> None:
    evil = tmp_path / "evil.tar"
    with tarfile.open(evil, "w") as packed:
        packed.add(given, "psmgmt")
        packed.add(given / "configure", "../outside")
        packed.add(given / "configure", "psmgmt/../../outside")
        link = tarfile.TarInfo("psmgmt/plugins/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/shadow"
        packed.addfile(link)
    with opened(evil, files_hash(given), silent) as found:
        assert not (found.folder / "plugins" / "link").is_symlink()
        assert not list(found.folder.parent.parent.glob("outside"))


def test_an_archive_that_fills_the_disk_is_refused(given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_MOST_FILES", 2)
    with pytest.raises(LocalSiteError, match="unpacks to more than"):
        opened(archive(given, tmp_path / "big.tar.gz"), None, silent).__enter__()


@pytest.mark.integration
def test_the_public_repository_is_asked_for_the_commit(given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess

    shutil.rmtree(given / ".git", ignore_errors=True)
    wanted = files_hash(given)
    git = ("git", "-C", str(given), "-c", "user.name=x", "-c", "user.email=x@localhost")
    for arguments in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "x")):
        subprocess.run((*git, *arguments), check=True)
    commit = subprocess.run((*git, "rev-parse", "HEAD"), check=True, capture_output=True, text=True).stdout.strip()
    monkeypatch.setattr(source, "REPOSITORY", replace(source.REPOSITORY, url=str(given), commit=commit))
    with opened(None, wanted, silent) as found:
        assert found.hash == wanted
    monkeypatch.setattr(source, "REPOSITORY", replace(source.REPOSITORY, url=str(tmp_path / "nowhere")))
    with pytest.raises(LocalSiteError, match=r"cannot fetch ParaStation Management from .*give its source with --psmgmt"):
        opened(None, wanted, silent).__enter__()
