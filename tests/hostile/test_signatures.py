"""A registry, or whoever may write to it, that puts rightly signed images where they do not belong."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.esd_build.registry.servers import AVAILABLE, Place, running_registry

from esd_build import signing
from esd_build.data.errors import UsageError
from esd_build.data.reference import ImageReference
from esd_build.signing import PrivateKey, bundles, simple
from esd_build.signing.claims import Claims, environment_of
from esd_deploy.plans import image as images
from esd_deploy.sites.endpoint import Credentials, Endpoint

DIGEST = "sha256:" + "a" * 64
IMAGE = ImageReference("registry.example.org", "esd/nest", "edge", DIGEST)
THEN = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def key(tmp_path, monkeypatch) -> PrivateKey:
    monkeypatch.setenv("COSIGN_PASSWORD", "x")
    monkeypatch.setenv("ESD_TRUSTED_KEYS", str(signing.new_key_pair(tmp_path / "maintainer")))
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda _name: str(tmp_path / "cache"))
    return PrivateKey.read(tmp_path / "maintainer.key")


def test_both_forms_carry_the_claims_and_nobody_can_change_them(key):
    claims = Claims.of(IMAGE, THEN)
    bundle = bundles.make(DIGEST, key, claims.annotations)
    assert bundles.claims(bundle, DIGEST, key.public) == claims
    payload = simple.payload_of(IMAGE, claims.annotations)
    import base64

    signature = base64.b64encode(key.sign(payload)).decode()
    assert simple.claims(payload, signature, DIGEST, key.public) == claims
    assert simple.claims(payload.replace(b"edge", b"24.1"), signature, DIGEST, key.public) is None


@pytest.mark.parametrize(
    ("other", "fits"),
    [
        (IMAGE, True),
        (replace(IMAGE, tag="edge-20261129-433e4212"), True),
        (replace(IMAGE, tag=None), True),
        (replace(IMAGE, tag="24.10"), False),
        (replace(IMAGE, tag="24.10-20261129-433e4212"), False),
        (replace(IMAGE, repository="esd/base"), False),
        (replace(IMAGE, registry="mirror.example.org"), False),
    ],
)
def test_a_signature_is_for_one_repository_and_one_environment(other, fits):
    assert (Claims.of(IMAGE, THEN).misfit(other) == "") is fits
    assert Claims().misfit(other) == ""


def test_both_kinds_of_tag_name_the_environment():
    assert [environment_of(tag) for tag in ("edge", "edge-20261129-433e4212", "24.10", None)] == ["edge", "edge", "24.10", None]


@pytest.mark.parametrize(
    "poison", [{"eu.ebrains.esd.signed": "yesterday"}, {"eu.ebrains.esd.signed": "2026-11-01T00:00:00"}, {"eu.ebrains.esd.signed": 3}]
)
def test_a_claim_that_is_none_is_no_signature(key, poison):
    assert bundles.claims(bundles.make(DIGEST, key, poison), DIGEST, key.public) is None


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Iterator[Place]:
    if not AVAILABLE:
        pytest.skip("docker-registry is not installed: `make setup`")
    with running_registry(tmp_path_factory.mktemp("registry")) as server:
        yield Place(server.host, server.tls.ca_file, server.folder / "unfinished")


def pushed(place: Place, tmp_path, text: str, tag: str = "edge", repository: str | None = None):
    sif = tmp_path / f"{text}.sif"
    sif.write_text(text)
    reference = place.reference(tag)
    return place.registry.push(sif, replace(reference, repository=repository) if repository else reference, {}).reference


@pytest.mark.integration
def test_an_older_image_under_the_same_tag_is_told(place, key, tmp_path):
    endpoint = Endpoint("https://u.example.org/X/rest/core", place.host, place.ca_file, Credentials("s3cret"), "")
    old = pushed(place, tmp_path, "old")
    signing.sign(place.registry, old, key, now=THEN)
    assert images.resolve_signed(place.reference("edge"), endpoint).reference == old
    new = pushed(place, tmp_path, "new")
    signing.sign(place.registry, new, key, now=THEN + timedelta(days=20))
    assert images.resolve_signed(place.reference("edge"), endpoint).reference == new

    pushed(place, tmp_path, "old")

    with pytest.raises(UsageError, match="somebody put an older image back"):
        images.resolve_signed(place.reference("edge"), endpoint)
    assert images.resolve_signed(replace(place.reference("edge"), tag=None, digest=old.digest), endpoint).reference.digest == old.digest


@pytest.mark.integration
def test_a_signature_does_not_move_to_another_tag_or_repository(place, key, tmp_path):
    signed = pushed(place, tmp_path, "signed", "23.02")
    signing.sign(place.registry, signed, key)
    assert signing.require(place.registry, signed, (key.public,)).claims.environment == "23.02"
    elsewhere = pushed(place, tmp_path, "signed", "25.04")
    with pytest.raises(UsageError, match=r"signed for the environment 23\.02, not for 25\.04"):
        signing.require(place.registry, elsewhere, (key.public,))
    other = pushed(place, tmp_path, "signed", "23.02", "esd/base")
    stolen = tmp_path / "stolen.json"
    stolen.write_bytes(place.registry.read(signed, place.registry.attachments(signed, signing.SIGNATURE)[0]))
    place.registry.attach(other, signing.SIGNATURE, stolen)
    with pytest.raises(UsageError, match="it was signed for"):
        signing.require(place.registry, other, (key.public,))


@pytest.mark.integration
def test_a_broken_attachment_hides_no_good_signature(place, key, tmp_path, monkeypatch):
    image = pushed(place, tmp_path, "hidden", "hidden")
    for number in range(3):
        broken = tmp_path / f"broken{number}"
        broken.write_text("x" * (number + 1))
        place.registry.attach(image, signing.SIGNATURE, broken)
    signing.sign(place.registry, image, key)
    real = type(place.registry).read

    def read(registry, reference, attachment):
        if attachment.size < 10:
            raise UsageError("the registry answered with something else")
        return real(registry, reference, attachment)

    monkeypatch.setattr(type(place.registry), "read", read)
    assert signing.check(place.registry, image, (key.public,)).outcome == "passed"


def test_a_date_for_all_is_one(monkeypatch):
    monkeypatch.setenv("ESD_SIGNED_SINCE", "2026-11-29")
    assert images._signed_since() == datetime(2026, 11, 29, tzinfo=UTC)
    monkeypatch.setenv("ESD_SIGNED_SINCE", "soon")
    with pytest.raises(UsageError, match="expected a date"):
        images._signed_since()
