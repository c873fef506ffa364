"""Images that lie: about their parts, in their labels, and in the manifest that a registry serves for them."""

import json
import struct
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest
from tests.esd_build.tools.test_sif import PARTS, write_image

from esd_build.data.errors import EsdError, ToolError, UsageError
from esd_build.data.reference import ImageReference
from esd_build.product.tags import built_on
from esd_build.registry import manifests
from esd_build.tools import apptainer, sif
from esd_build.tools.process import Account
from esd_deploy.errands import requirements
from esd_deploy.preflight import site_checks, traps

REFERENCE = ImageReference("registry.example.org", "esd/nest", "edge", None)
SIF = {"mediaType": manifests.SIF_LAYER, "digest": "sha256:" + "b" * 64, "size": 10}
CONFIG = {"mediaType": manifests.SIF_CONFIG, "digest": "sha256:" + "c" * 64, "size": 2}
DESCRIPTOR, PLACE = 585, 17
"""Bytes of a descriptor, and of what stands in it before the part's offset and size."""
STRANGE = {
    "escapes": "\x1b]52;c;eA==\x07",
    "bidi": "5.0\u202e0.5",
    "breaks": "1\n2\r\n3\u2028",
    "nul": "3\0",
    "huge": "9" * 100_000,
    "shell": "$(touch x); `id`",
    "empty": "",
    "surrogate": "\ud800",
    "digits": "\u0663.\u0661",
    "path": "../../../etc",
}


def lying(path, number, offset=None, size=None):
    """An image of which one descriptor says another place."""
    image = write_image(path)
    content = bytearray(image.read_bytes())
    at = 128 + number * DESCRIPTOR + PLACE
    was = struct.unpack_from("<qq", content, at)
    struct.pack_into("<qq", content, at, was[0] if offset is None else offset, was[1] if size is None else size)
    image.write_bytes(content)
    return image


@pytest.mark.parametrize(("offset", "size"), [(None, 2**62), (2**62, 2**62), (-1, None), (None, -1), (2**63 - 1, 2**63 - 1)])
def test_a_part_that_lies_elsewhere_is_one_error(tmp_path, offset, size):
    with pytest.raises(UsageError, match=r"cut off|damaged"):
        sif.objects(lying(tmp_path / "a.sif", 1, offset, size))


@pytest.mark.parametrize(("number", "offset"), [(0, 4096 + 25), (1, 4096), (2, 4096 + 5), (0, None)])
def test_parts_that_overlap_are_refused(tmp_path, number, offset):
    with pytest.raises(UsageError, match="overlap"):
        sif.objects(lying(tmp_path / "a.sif", number, offset, 300 if offset is None else None))


def test_of_two_file_systems_none_is_taken_for_the_one_that_runs(tmp_path):
    image = write_image(tmp_path / "a.sif", parts=(*PARTS, (0x4004, b"hsqs another")))
    with pytest.raises(UsageError, match="2 file systems"):
        sif.root_file_system(image)


@pytest.mark.parametrize("labels", [None, [], "x", 7, [["a", "b"]], {"a": {"b": []}, "c": None, **STRANGE}])
def test_labels_of_another_form_are_one_error_or_text(tmp_path, monkeypatch, labels):
    text = json.dumps({"data": {"attributes": {"labels": labels}}})
    monkeypatch.setattr(apptainer, "run", lambda *_a, **_o: SimpleNamespace(text=text))
    monkeypatch.setattr(apptainer, "reachable", lambda _account, files, _handing: nullcontext(files))
    ask = apptainer.Apptainer(Account.current(), tmp_path).labels
    if isinstance(labels, dict | None) or labels == []:
        assert all(isinstance(value, str) for value in ask(tmp_path / "a.sif").values())
    else:
        with pytest.raises(ToolError, match="not a readable image"):
            ask(tmp_path / "a.sif")


@pytest.mark.parametrize("text", [*STRANGE.values(), "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_a_day_that_is_none_is_none(text):
    day = built_on({"org.opencontainers.image.created": text, "org.label-schema.build-date": text})
    assert day is None or 1 <= day.year <= 9999


@pytest.mark.parametrize("kind", sorted(STRANGE.keys() - {"surrogate"}))
def test_labels_that_claim_anything_end_in_a_finding_and_run_nothing(planned, kind):
    names = ("pmix", "target", "gpu", "nest", "environment", "release", "unverified-sources")
    claims = {**{f"eu.ebrains.esd.{name}": STRANGE[kind] for name in names}, "org.label-schema.build-arch": STRANGE[kind]}
    published = manifests.published_image(planned.image.reference, manifest(SIF, annotations=claims))
    plan, claims = replace(planned, image=published), published.annotations
    for finding in site_checks.judge(site_checks.Known(plan, claims, None, None)):
        assert finding.reason.isprintable()
    assert all(one.isprintable() for one in traps.warned(plan, {}))
    if kind != "empty":
        with pytest.raises(UsageError, match="as its label says"):
            requirements._platform(claims, "nest")


def manifest(*layers, **more):
    return json.dumps({"config": CONFIG, "layers": list(layers), **more}).encode()


MANIFESTS = {
    "two files": manifest(SIF, {**SIF, "digest": "sha256:" + "d" * 64}),
    "the same twice": manifest(SIF, SIF),
    "foreign types": manifest({**SIF, "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "urls": ["https://evil"]}),
    "no layers": manifest(),
    "an index": json.dumps({"schemaVersion": 2, "mediaType": manifests.INDEX, "manifests": [SIF]}).encode(),
    "an index in an index": json.dumps({"manifests": [{**SIF, "mediaType": manifests.INDEX}], "layers": {}}).encode(),
    "annotations that are no text": manifest(SIF, annotations={"a": ["b"]}),
    "a digest of another kind": manifest({**SIF, "digest": "md5:" + "b" * 32}),
}


@pytest.mark.parametrize("kind", MANIFESTS)
def test_a_manifest_of_something_else_is_one_error(kind):
    with pytest.raises(UsageError, match="not an Apptainer image"):
        manifests.published_image(REFERENCE, MANIFESTS[kind])


def test_foreign_layers_beside_the_file_and_annotations_that_contradict_it_change_nothing():
    other = {**SIF, "mediaType": "application/x-evil", "size": 4 * 2**30, "annotations": {manifests.TITLE: "../../x"}}
    found = manifests.published_image(
        REFERENCE, manifest(*[other] * 1000, SIF, annotations={"digest": "sha256:" + "e" * 64, "org.opencontainers.image.ref.name": "x"})
    )
    assert (found.sif_digest, found.size) == (SIF["digest"], SIF["size"])


def test_a_size_beyond_all_disks_is_text_like_any_other():
    found = manifests.published_image(REFERENCE, manifest({**SIF, "size": 10**30}))
    assert found.size == 10**30


@pytest.mark.parametrize("depth", [10, 100_000])
def test_lists_in_lists_are_not_followed(depth):
    content = b'{"manifests": [' * depth + b"]}" * depth
    with pytest.raises(EsdError):
        manifests.parse(content, manifests.Index, "a list")
