"""A run deposited with its image: written from a registry, read without one, and nothing in it believed."""

import hashlib
import json
import zipfile
from dataclasses import replace

import pytest

from esd_build.data.errors import ToolError, UsageError
from esd_build.data.reference import ImageReference
from esd_build.registry import Blob, PublishedImage, manifests
from esd_deploy.backends.connection import JobState
from esd_deploy.plans.launch import Shape
from esd_deploy.plans.request import Request
from esd_deploy.records.record import RunRecord
from esd_deploy.records.record_parts import ImageRecord
from esd_deploy.runs import rerun
from esd_deploy.studies import deposit

SIF = b"a whole image\n" * 9


class FakeRegistry:
    """Serves one image, as `esd-build push` writes it."""

    def __init__(self, folder):
        self.file = folder / "nest.sif"
        self.file.write_bytes(SIF)
        self.content = manifests.image_manifest(Blob.of(self.file), {"eu.ebrains.esd.nest": "3.10.0"})
        digest = manifests.digest_of(self.content)
        self.image = manifests.published_image(ImageReference("registry.example.org", "esd/nest", "edge", digest), self.content)

    def resolve(self, reference):
        assert reference.digest == self.image.reference.digest
        return self.image

    def manifest(self, _reference):
        return self.content

    def pull(self, _published, target):
        target.write_bytes(SIF)


@pytest.fixture
def registry(tmp_path):
    return FakeRegistry(tmp_path)


@pytest.fixture
def ended(config, registry, tmp_path, script):
    """A run of this image that ended well, and its folder."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rates.csv").write_text("1,2\n")
    wanted = Request(script, ("--scale", "1"), "nest", Shape(2, 1, 4), 600, inputs=(tmp_path / "data" / "rates.csv",))
    planned = wanted.checked(config).plan(registry.image, "run-1")
    record = RunRecord.of(planned, {"Tags": ["run-1"]}).with_state(JobState("SUCCESSFUL", exit_code=0))
    folder = tmp_path / "runs" / "run-1"
    (folder / "data").mkdir(parents=True)
    (folder / "net.py").write_bytes(script.read_bytes())
    (folder / "data" / "rates.csv").write_text("1,2\n")
    record.save(folder)
    return record, folder


@pytest.fixture
def layout(ended, registry, tmp_path):
    record, folder = ended
    return deposit.write(record, folder, tmp_path / "run-1.oci", registry)


def blob(layout, digest):
    return layout / "blobs" / "sha256" / digest.removeprefix("sha256:")


def test_it_is_an_image_layout_with_the_image_and_the_run(layout, registry):
    index = json.loads((layout / "index.json").read_text())
    image, run = index["manifests"]

    assert json.loads((layout / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    assert (image["digest"], image["annotations"]) == (registry.image.reference.digest, {"org.opencontainers.image.ref.name": "edge"})
    assert json.loads(blob(layout, run["digest"]).read_bytes())["subject"]["digest"] == image["digest"]
    for path in (layout / "blobs" / "sha256").iterdir():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    assert {one["size"] for one in index["manifests"]} == {blob(layout, one["digest"]).stat().st_size for one in index["manifests"]}


def test_it_holds_all_that_a_repetition_needs(layout, registry, config):
    found = deposit.read(layout)

    with found.unpacked() as folder:
        again = replace(rerun.plan(found.record, folder, config), image=found.image)
        assert {path for path, _ in again.inputs} == {"data/rates.csv"}
        assert again.arguments == ("--scale", "1")
    assert (again.image.reference.digest, again.image.annotations) == (registry.image.reference.digest, {"eu.ebrains.esd.nest": "3.10.0"})
    assert found.sif.path.read_bytes() == SIF
    assert not folder.exists()


def test_nothing_is_overwritten_and_nothing_half_is_left(ended, registry, tmp_path, monkeypatch):
    def cut(_published, target):
        target.write_bytes(SIF[:3])
        raise ToolError("the connection was cut")

    record, folder = ended
    monkeypatch.setattr(registry, "pull", cut)
    with pytest.raises(ToolError, match="cut"):
        deposit.write(record, folder, tmp_path / "x.oci", registry)
    assert list(tmp_path.glob("*.oci*")) == []
    (tmp_path / "x.oci").mkdir()
    with pytest.raises(UsageError, match="exists already"):
        deposit.write(record, folder, tmp_path / "x.oci", registry)


def test_a_run_without_an_image_is_no_deposit(ended, registry, tmp_path):
    record, folder = ended
    with pytest.raises(UsageError, match="had no image"):
        deposit.write(record.model_copy(update={"image": None}), folder, tmp_path / "x.oci", registry)


@pytest.mark.parametrize("what", ["sif", "manifest", "crate"])
def test_damage_is_seen(layout, registry, what):
    index = json.loads((layout / "index.json").read_text())
    of_crate = json.loads(blob(layout, index["manifests"][1]["digest"]).read_bytes())
    digest = {
        "sif": registry.image.sif_digest,
        "manifest": index["manifests"][0]["digest"],
        "crate": of_crate["layers"][0]["digest"],
    }[what]
    path = blob(layout, digest)
    path.write_bytes(path.read_bytes()[:-1] + b"x")

    with pytest.raises(ToolError, match="is damaged"):
        deposit.read(layout)


def test_another_image_than_the_records_is_refused(ended, registry, tmp_path):
    record, folder = ended
    other = ImageRecord(reference=f"registry.example.org/esd/nest@sha256:{'e' * 64}", digest=f"sha256:{'e' * 64}", sif_digest=f"sha256:{'f' * 64}", size=3)  # fmt: skip  # noqa: E501
    changed = record.model_copy(update={"image": other})
    changed.save(folder)
    registry.resolve = lambda _reference: registry.image

    layout = deposit.write(changed, folder, tmp_path / "run-1.oci", registry)

    with pytest.raises(ToolError, match="not that of its run"):
        deposit.read(layout)


@pytest.mark.parametrize("missing", ["oci-layout", "index.json"])
def test_any_other_folder_is_none(layout, missing):
    (layout / missing).unlink()

    with pytest.raises(UsageError, match="no OCI image layout"):
        deposit.read(layout)


def test_a_crate_that_lacks_the_script_cannot_be_repeated(layout):
    found = deposit.read(layout)
    with zipfile.ZipFile(found.crate) as archive:
        kept = archive.read("run.json")
    with zipfile.ZipFile(found.crate, "w") as archive:
        archive.writestr("run.json", kept)

    with pytest.raises(ToolError, match=r"lacks net\.py"), found.unpacked():
        pass


def test_too_much_is_not_unpacked(layout, monkeypatch):
    monkeypatch.setattr(deposit, "_MOST_SENT", 3)

    with pytest.raises(ToolError, match="more than"), deposit.read(layout).unpacked():
        pass


def test_the_image_of_the_fake_is_what_a_push_would_make(registry):
    assert isinstance(registry.image, PublishedImage)
    assert registry.image.sif_digest == f"sha256:{hashlib.sha256(SIF).hexdigest()}"
