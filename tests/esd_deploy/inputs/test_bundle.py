"""What is handed over to be run: a script, a folder, an archive; and what is not taken."""

import gc
import io
import lzma
import os
import random
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from esd_build.data.errors import ToolError, UsageError
from esd_deploy.inputs import bundle as module
from esd_deploy.inputs import content as contents
from esd_deploy.inputs.bundle import Bundle
from esd_deploy.inputs.content import File, OnDisk, whole
from esd_deploy.plans.request import Request
from esd_deploy.sites.config import SiteConfig

FILES = {"run.py": b"import model.neuron", "model/neuron.py": b"x = 1", "model/lif.nestml": b"model lif:\n", "data.bin": b"\xff\x00"}
EXPECTED = Bundle("run.py", FILES["run.py"], tuple(sorted((name, content) for name, content in FILES.items() if name != "run.py")))


def read(files: Iterable[File]) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, whole(content)) for name, content in files)


def bundle(path: Path, never: tuple[Path, ...] = ()) -> Bundle:
    """What is handed over, with all of its files read."""
    found = module.bundle(path, never)
    return replace(found, others=read(found.others))


def input_files(path: Path) -> tuple[tuple[str, bytes], ...]:
    return read(module.input_files(path))


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
    kind = path.suffix[1:].lower()
    with tarfile.open(path, f"w:{'gz' if kind == 'tgz' else kind}") as archive:
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


@pytest.mark.parametrize("name", ["../escaped.py", "/etc/passwd", "a/../../b", "a//b", "x$HOME.py", "100%25", "line\nbreak"])
@pytest.mark.parametrize("kind", ["zip", "tgz"])
def test_a_name_that_leads_elsewhere_or_would_be_changed_is_refused(tmp_path, name, kind):
    with pytest.raises(UsageError, match="cannot send"):
        bundle(packed(tmp_path / f"net.{kind}", {"run.py": b"1", name: b""}))


def test_a_link_in_an_archive_is_refused(tmp_path):
    with tarfile.open(tmp_path / "net.tar", "w") as archive:
        link = tarfile.TarInfo("passwords")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(UsageError, match="not a plain file"):
        bundle(tmp_path / "net.tar")


@pytest.mark.parametrize("name", ["net.zip", "net.tar.gz"])
def test_an_archive_without_a_program_or_without_sense_is_said(tmp_path, name):
    with pytest.raises(UsageError, match=r"has no run\.py at its top"):
        bundle(packed(tmp_path / name, {"net-1.0/run.py": b"1"}))
    (tmp_path / name).write_bytes(b"nonsense")
    with pytest.raises(UsageError, match="cannot read"):
        bundle(tmp_path / name)
    with pytest.raises(UsageError, match="No such file"):
        bundle(tmp_path / f"not-there-{name}")


@pytest.mark.parametrize("name", ["net.zip", "net.tar.gz"])
def test_what_unpacks_to_too_much_is_refused(tmp_path, name, monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 1_000_000)
    with pytest.raises(UsageError, match="more than 1 MB"):
        bundle(packed(tmp_path / name, {"run.py": b"1", "zeros": bytes(2_000_000)}))


@pytest.mark.parametrize("name", ["net.zip", "net.tar.gz", "net.tar.xz", "net.tar.bz2"])
@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_an_archive_with_a_damaged_member_is_said(tmp_path, name, damage):
    whole = packed(tmp_path / name, {"run.py": random.Random(1).randbytes(100_000)}).read_bytes()
    middle = len(whole) // 2
    (tmp_path / name).write_bytes(whole[:middle] if damage == "cut" else whole[:middle] + bytes(1000) + whole[middle + 1000 :])
    with pytest.raises(UsageError, match=rf"archive .*{name}"):
        bundle(tmp_path / name)


@pytest.mark.parametrize("error", [zlib.error("invalid distance"), lzma.LZMAError("corrupt input")])
def test_what_a_decompressor_says_is_a_damaged_archive(tmp_path, monkeypatch, error):
    def damaged(*_):
        raise error

    monkeypatch.setattr(zipfile.ZipExtFile, "read", damaged)
    with pytest.raises(UsageError, match=f"cannot read the archive .*: {error}"):
        bundle(packed(tmp_path / "net.zip", {"run.py": b"1"}))


def linked(path: Path, name: str) -> Path:
    """An archive with a program, and a link of that name."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("run.py", b"1")
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(entry, "/etc/passwd")
        return path
    with tarfile.open(path, "w") as archive:
        plain, link = tarfile.TarInfo("run.py"), tarfile.TarInfo(name)
        plain.size, link.type, link.linkname = 1, tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(plain, io.BytesIO(b"1"))
        archive.addfile(link)
    return path


@pytest.mark.parametrize("name", ["net.zip", "net.tar"])
def test_a_link_matters_only_where_it_would_be_sent(tmp_path, name):
    assert bundle(linked(tmp_path / name, ".venv/bin/python")) == Bundle("run.py", b"1")
    with pytest.raises(UsageError, match="'venv/python' is not a plain file"):
        bundle(linked(tmp_path / name, "venv/python"))


def test_hidden_files_are_neither_read_nor_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 1000)
    junk = {".git/pack": bytes(2000), "__pycache__/net.pyc": bytes(2000)}
    files = folder(tmp_path / "net", {"run.py": b"1", **junk})

    assert bundle(files) == Bundle("run.py", b"1")


def test_a_folder_that_is_too_large_is_refused_before_anything_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 1000)
    large = folder(tmp_path / "net", {"a": bytes(600), "b": bytes(600), "run.py": b"1"})
    monkeypatch.setattr(OnDisk, "of", lambda path, _what: pytest.fail(f"{path} was looked into"))
    with pytest.raises(UsageError, match="holds more than"):
        bundle(large)


def test_a_linked_file_is_sent_and_a_linked_folder_is_not_left_out_silently(tmp_path):
    net = folder(tmp_path / "net", {"run.py": b"1"})
    (net / "table").symlink_to(folder(tmp_path / "elsewhere", {"table": b"2"}) / "table")
    (net / ".venv").symlink_to(tmp_path / "elsewhere")
    assert bundle(net).others == (("table", b"2"),)
    (net / "data").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="'data' is not a plain file"):
        bundle(net)


@pytest.mark.parametrize("name", ["a\nb", "$USER", "\udcff"])
def test_a_folder_whose_name_would_be_changed_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match="rename it"):
        input_files(folder(tmp_path / name, {"a": b"1"}))


@pytest.mark.parametrize("name", ["my data", ".hidden", "a;b", "größe", "-x", "100 %"])
def test_a_name_stays_as_it_is(tmp_path, name):
    assert input_files(folder(tmp_path / name, {"my rates.csv": b"1"})) == ((f"{name}/my rates.csv", b"1"),)
    assert input_files(tmp_path / name / "my rates.csv") == (("my rates.csv", b"1"),)


def test_what_lies_in_the_scripts_folder_keeps_its_place_there(tmp_path, config):
    net = folder(tmp_path / "net", {"net.py": b"print()", "data/a.csv": b"1", "data/deep/b.csv": b"2"})
    other = folder(tmp_path / "other", {"c.csv": b"3"})
    request = Request(net / "net.py", inputs=(net / "data" / "a.csv", net / "data" / "deep", other / "c.csv"), image="nest")

    made = request.checked(config).plan(None, "run-1")

    assert dict(read(made.inputs)) == {"data/a.csv": b"1", "data/deep/b.csv": b"2", "c.csv": b"3"}
    assert [(one.place, one.size) for one in made.sent] == [("net.py", 7), ("data/a.csv", 1), ("data/deep/b.csv", 1), ("c.csv", 1)]


def test_runs_are_never_sent_and_neither_is_what_the_user_excludes(tmp_path, config):
    files = {"run.py": b"print()", "keep.csv": b"1", "big.h5": b"2", "sub/big.h5": b"3", "sub/keep.h5": b"4", "scratch/x": b"5"}
    record = {"runs/1/run.json": b"{}", "runs/1/esd/job.sh": b"", "elsewhere/2/run.json": b"{}", "elsewhere/2/esd/job.sh": b""}
    net = folder(tmp_path / "net", files | record | {".esdignore": b"# large\n*.h5\n!sub/keep.h5\nscratch/\n"})

    assert [name for name, _ in bundle(net, (net / "runs",)).others] == ["keep.csv", "sub/keep.h5"]
    (net / ".esdignore").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="cannot read the patterns"):
        bundle(net)


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null"])
def test_what_has_no_end_is_not_read(path, config, script):
    with pytest.raises(UsageError, match="neither a regular file nor a folder"):
        Request(script, inputs=(Path(path),), image="nest").checked(config)


NOTEBOOK = b'{"cells": [{"cell_type": "code", "outputs": [], "source": ["print(1)"]}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("net.ipynb", NOTEBOOK, "nbconvert"),
        ("net.py", NOTEBOOK, "nbconvert"),
        ("net.py", b'{"a": [1]}', "holds only data"),
        ("net.py", b" \n", "empty"),
    ],
)
def test_what_would_end_well_without_doing_anything_is_no_script(tmp_path, config, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=message):
        Request(tmp_path / name, image="nest").checked(config)


@pytest.fixture
def small(config) -> SiteConfig:
    """A site that takes 1 MB with a job."""
    return config.model_copy(update={"limits": config.limits.model_copy(update={"input_mb": 1})})


def test_a_run_whose_files_together_are_too_large_is_refused_with_their_sizes(tmp_path, small, script):
    data = folder(tmp_path, {"a": bytes(600_000), "b": bytes(700_000)})
    with pytest.raises(UsageError, match=r"3 files have 1\.3 MB \(b 0\.7 MB, a 0\.6 MB, net\.py 0\.0 MB\); .* at most 1 MB"):
        Request(script, inputs=(data / "a", data / "b"), image="nest").checked(small)


def test_a_file_that_changes_after_it_was_looked_at_is_not_sent(tmp_path):
    ((_, found),) = module.input_files(folder(tmp_path, {"a": b"123"}) / "a")
    for changed in (b"12", b"1234"):
        (tmp_path / "a").write_bytes(changed)
        with pytest.raises(UsageError, match="changed during reading"):
            whole(found)
    (tmp_path / "a").unlink()
    os.mkfifo(tmp_path / "a")
    with pytest.raises(ToolError, match="not a regular file"):
        whole(found)


def test_what_an_archive_was_unpacked_to_is_gone_with_its_last_file(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    packed(tmp_path / "net.zip", FILES)
    found = module.bundle(tmp_path / "net.zip")
    assert len(list(tmp_path.glob("esd-deploy-*/*"))) == len(FILES)
    del found
    gc.collect()
    assert not list(tmp_path.glob("esd-deploy-*"))


def opened_but_for(real: Callable, script: Path) -> Callable:
    """Opens the script only."""
    return lambda one: real(one) if isinstance(one, bytes) or one.path == script else pytest.fail(f"{one.path} was read")


INPUTS = {"name": {"a$HOME": b""}, "size": {"zeros": bytes(1_000_001)}, "all": {"a": bytes(600_000), "b": bytes(600_000)}}


@pytest.mark.parametrize("what", INPUTS)
def test_what_an_input_folder_holds_is_looked_at_before_a_registry_is_asked_and_not_read(tmp_path, small, script, monkeypatch, what):
    data = folder(tmp_path / "data", INPUTS[what])
    monkeypatch.setattr(contents, "opened", opened_but_for(contents.opened, script))
    with pytest.raises(UsageError, match=r"data"):
        Request(script, inputs=(data,), image="nest").checked(small)
    Request(script, inputs=(folder(tmp_path / "good", {"a": b"1"}),), image="nest").checked(small)


def test_a_folder_goes_along_under_its_own_name(tmp_path):
    helpers = folder(tmp_path / "helpers", {"a.py": b"1", "deep/b.py": b"2"})
    assert input_files(helpers) == (("helpers/a.py", b"1"), ("helpers/deep/b.py", b"2"))


def test_a_plan_carries_all_of_it(tmp_path, config):
    helpers = folder(tmp_path / "helpers", {"a.py": b"1"})
    request = Request(packed(tmp_path / "net.zip", FILES), inputs=(helpers,), image="nest")
    request.checked(config)
    made = request.checked(config).plan(None, "run-1")
    assert (made.script_name, made.script) == ("run.py", FILES["run.py"])
    assert dict(read(made.inputs)) == {**dict(EXPECTED.others), "helpers/a.py": b"1"}


def test_two_things_of_one_name_are_refused(tmp_path, config):
    request = Request(packed(tmp_path / "net.zip", FILES), inputs=(folder(tmp_path / "model", {"c.py": b""}),), image="nest")
    with pytest.raises(UsageError, match="rename model"):
        request.checked(config)
    with pytest.raises(UsageError, match="rename esd"):
        replace(request, inputs=(folder(tmp_path / "esd", {"c.py": b""}),)).checked(config)
