"""Small archives that hold very much: headers, folders, an end that does not come."""

import gzip
import io
import tarfile
import zipfile

import pytest

from esd_build.data.errors import UsageError
from esd_deploy.inputs import bundle as bundles
from esd_deploy.inputs.bundle import bundle


def program(archive: tarfile.TarFile) -> None:
    member = tarfile.TarInfo("run.py")
    member.size = 1
    archive.addfile(member, io.BytesIO(b"#"))


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_a_header_of_gigabytes_is_not_read(tmp_path, kind):
    file = tmp_path / "x.tar.gz"
    header = tarfile.TarInfo("x")
    header.type, header.size = kind, 8 * 1024**3
    with gzip.open(file, "wb") as out:
        out.write(header.tobuf(tarfile.GNU_FORMAT))
        out.write(b"\0" * 4096)
    with pytest.raises(UsageError, match="a header of"):
        bundle(file)


def test_a_long_name_is_fine(tmp_path):
    file = tmp_path / "x.tar"
    with tarfile.open(file, "w") as archive:
        program(archive)
        archive.addfile(tarfile.TarInfo("/".join(["d" * 90] * 4)))
    assert len(bundle(file).others) == 1


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_folders_without_end_are_given_up(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(bundles, "_MOST_MEMBERS", 50)
    file = tmp_path / f"x.{kind}"
    if kind == "tar":
        with tarfile.open(file, "w") as archive:
            program(archive)
            for number in range(60):
                folder = tarfile.TarInfo(f"d{number}")
                folder.type = tarfile.DIRTYPE
                archive.addfile(folder)
    else:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("run.py", "#")
            for number in range(60):
                archive.writestr(f"d{number}/", b"")
    with pytest.raises(UsageError, match="more than 50 entries"):
        bundle(file)


def test_what_follows_an_archive_without_end_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(bundles, "_LONGEST_END", 2**21)
    file, inner = tmp_path / "x.tar.gz", io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w") as archive:
        program(archive)
    for zeros, refused in ((2**20, False), (2**23, True)):
        file.write_bytes(gzip.compress(inner.getvalue() + b"\0" * zeros))
        if refused:
            with pytest.raises(UsageError, match="something else follows"):
                bundle(file)
        else:
            assert bundle(file).program == b"#"
