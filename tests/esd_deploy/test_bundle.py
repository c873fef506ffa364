"""What is handed over to be run: a script, a folder, an archive; and what is not taken."""

import io
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from esd_build.errors import UsageError
from esd_deploy import bundle as module
from esd_deploy.bundle import Bundle, bundle, input_files
from esd_deploy.plan import Request, check, plan

FILES = {"run.py": b"import model.neuron", "model/neuron.py": b"x = 1", "model/lif.nestml": b"model lif:\n", "data.bin": b"\xff\x00"}
EXPECTED = Bundle("run.py", FILES["run.py"], tuple(sorted((name, content) for name, content in FILES.items() if name != "run.py")))


def folder(place: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return place


def packed(path: Path, files: dict[str, bytes]) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return path
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


@pytest.mark.parametrize("name", ["net.zip", "net.tar.gz", "NET.TGZ"])
def test_an_archive_is_its_program_and_the_files_beside_it(tmp_path, name):
    assert bundle(packed(tmp_path / name, FILES)) == EXPECTED


def test_a_folder_is_the_same_without_what_nobody_wants_sent(tmp_path):
    junk = {".git/config": b"", "model/__pycache__/neuron.pyc": b"", ".env": b"SECRET=1"}
    assert bundle(folder(tmp_path / "net", {**FILES, **junk})) == EXPECTED


def test_a_tar_as_made_of_the_current_folder_is_the_same(tmp_path):
    assert bundle(packed(tmp_path / "net.tgz", {f"./{name}": content for name, content in FILES.items()})) == EXPECTED


@pytest.mark.parametrize("name", ["../escaped.py", "/etc/passwd", "a/../../b", "a//b", "with space.py", "-rf"])
@pytest.mark.parametrize("kind", ["zip", "tgz"])
def test_a_name_that_leads_elsewhere_or_would_be_changed_is_refused(tmp_path, name, kind):
    with pytest.raises(UsageError, match="stay below"):
        bundle(packed(tmp_path / f"net.{kind}", {"run.py": b"1", name: b""}))


def test_a_link_in_an_archive_is_refused(tmp_path):
    with tarfile.open(tmp_path / "net.tar", "w") as archive:
        link = tarfile.TarInfo("passwords")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(UsageError, match="no plain file"):
        bundle(tmp_path / "net.tar")


@pytest.mark.parametrize("name", ["net.zip", "net.tar.gz"])
def test_an_archive_without_a_program_or_without_sense_is_said(tmp_path, name):
    with pytest.raises(UsageError, match=r"has no run\.py at its top"):
        bundle(packed(tmp_path / name, {"net-1.0/run.py": b"1"}))
    (tmp_path / name).write_bytes(b"nonsense")
    with pytest.raises(UsageError, match="cannot be read"):
        bundle(tmp_path / name)
    with pytest.raises(UsageError, match="No such file"):
        bundle(tmp_path / f"not-there-{name}")


@pytest.mark.parametrize("name", ["net.zip", "net.tar.gz"])
def test_what_unpacks_to_too_much_is_refused(tmp_path, name, monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 1_000_000)
    with pytest.raises(UsageError, match="more than 1 MB"):
        bundle(packed(tmp_path / name, {"run.py": b"1", "zeros": bytes(2_000_000)}))


def test_a_folder_goes_along_under_its_own_name(tmp_path):
    helpers = folder(tmp_path / "helpers", {"a.py": b"1", "deep/b.py": b"2"})
    assert input_files(helpers) == (("helpers/a.py", b"1"), ("helpers/deep/b.py", b"2"))


def test_a_plan_carries_all_of_it(tmp_path, config):
    helpers = folder(tmp_path / "helpers", {"a.py": b"1"})
    request = Request(packed(tmp_path / "net.zip", FILES), inputs=(helpers,), image="nest")
    check(request, config)
    made = plan(request, config, None, "run-1")
    assert (made.script_name, made.script) == ("run.py", FILES["run.py"])
    assert dict(made.inputs) == {**dict(EXPECTED.others), "helpers/a.py": b"1"}


def test_two_things_of_one_name_are_refused(tmp_path, config):
    request = Request(packed(tmp_path / "net.zip", FILES), inputs=(folder(tmp_path / "model", {"c.py": b""}),), image="nest")
    with pytest.raises(UsageError, match="rename model"):
        check(request, config)
    with pytest.raises(UsageError, match="rename esd"):
        check(replace(request, inputs=(folder(tmp_path / "esd", {"c.py": b""}),)), config)
