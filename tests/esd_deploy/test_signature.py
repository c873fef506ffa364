"""`--require-signature`: only what a trusted key signed is run."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.esd_build.registry.servers import AVAILABLE, Place, running_registry

from esd_build import signing
from esd_build.errors import ToolError, UsageError
from esd_build.signing import PrivateKey
from esd_deploy import image, running
from esd_deploy.endpoint import Credentials, Endpoint
from esd_deploy.plan import Request
from esd_deploy.site import Site


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    if not AVAILABLE:
        pytest.skip("docker-registry is not installed: `make setup`")
    with running_registry(tmp_path_factory.mktemp("registry")) as server:
        yield Place(server.host, server.tls.ca_file, server.folder / "unfinished")


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PrivateKey:
    monkeypatch.setenv("COSIGN_PASSWORD", "x")
    monkeypatch.setenv("ESD_TRUSTED_KEYS", str(signing.new_key_pair(tmp_path / "maintainer")))
    return PrivateKey.read(tmp_path / "maintainer.key")


def test_site_that_takes_signed_images_only_asks_for_signatures(config):
    endpoint = Endpoint("https://u.example.org/X/rest/core", "registry.example.org", None, Credentials("s3cret"), "")
    assert Site(config, endpoint).look_up is image.resolve
    assert Site(config, endpoint).signed_only().look_up is image.resolve_signed


def test_without_an_image_nothing_could_be_signed(script):
    with pytest.raises(UsageError, match="without --image there is nothing that could be signed"):
        running._planned("local", Request(script), force=True, signed=True)


@pytest.mark.integration
def test_unsigned_image_is_refused_and_signed_one_is_taken(place: Place, key: PrivateKey, tmp_path: Path) -> None:
    sif = tmp_path / "nest-edge.sif"
    sif.write_text(str(tmp_path))
    published = place.registry.push(sif, place.reference("edge"), {})
    endpoint = Endpoint("https://u.example.org/X/rest/core", place.host, place.ca_file, Credentials("s3cret"), "")
    with pytest.raises(UsageError, match="is refused: it has no signature"):
        image.resolve_signed(place.reference("edge"), endpoint)
    signing.sign(place.registry, published.reference, key)
    assert image.resolve_signed(place.reference("edge"), endpoint) == published


@pytest.mark.integration
def test_registry_that_does_not_answer_is_no_signature(
    place: Place, key: PrivateKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`resolve` goes on with what it knew before; where a signature is required, nobody could have looked."""
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda _name: str(tmp_path))
    sif = tmp_path / "nest-edge.sif"
    sif.write_text(str(tmp_path))
    published = place.registry.push(sif, place.reference("gone"), {})
    endpoint = Endpoint("https://u.example.org/X/rest/core", place.host, place.ca_file, Credentials("s3cret"), "")
    assert image.resolve(place.reference("gone"), endpoint) == published
    monkeypatch.setattr(image.Registry, "resolve", lambda *_arguments: (_ for _ in ()).throw(ToolError("does not answer")))
    assert image.resolve(place.reference("gone"), endpoint) == published
    with pytest.raises(ToolError, match="does not answer"):
        image.resolve_signed(place.reference("gone"), endpoint)
