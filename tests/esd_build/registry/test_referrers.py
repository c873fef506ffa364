"""Documents that belong to an image: with and without a referrers API."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.esd_build.registry.harbor import ACCOUNT, SECRET, Harbor
from tests.esd_build.registry.proxy import Fault, FaultProxy
from tests.esd_build.registry.servers import Place, RegistryServer

from esd_build.data.errors import ToolError, UsageError
from esd_build.registry import Blob, Credentials, Registry
from esd_build.registry.manifests import Index, Manifest, parse

pytestmark = pytest.mark.integration

SBOM = "application/vnd.cyclonedx+json"


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "nest-edge.cdx.json"
    path.write_text('{"bomFormat": "CycloneDX"}')
    return path


@pytest.fixture(params=["tag scheme", "referrers API"])
def registry(
    request: pytest.FixtureRequest, server: RegistryServer, start: Callable[[FaultProxy], FaultProxy], tmp_path: Path
) -> tuple[Registry, FaultProxy]:
    """Debian's docker-registry has no API for referrers; the stand-in for Harbor has."""
    proxy = start(FaultProxy(server) if request.param == "tag scheme" else Harbor(server))
    account = Credentials(ACCOUNT, SECRET) if isinstance(proxy, Harbor) else None
    return Registry(proxy.host, ca_file=server.tls.ca_file, credentials=account, unfinished=tmp_path / "unfinished"), proxy


def test_document_is_attached_listed_and_read(registry: tuple[Registry, FaultProxy], sif: Path, document: Path, tmp_path: Path) -> None:
    client, proxy = registry
    reference = Place(proxy.host, tmp_path, tmp_path).reference("attached")
    image = client.push(sif, reference, {})
    attached = client.attach(image.reference, SBOM, document, annotations={"made": "by hand"})
    assert client.attach(reference, SBOM, document, annotations={"made": "by hand"}) == attached
    assert client.attachments(reference) == (attached,)
    assert client.read(image.reference, attached) == document.read_bytes()
    assert client.resolve(reference) == image  # the image is as it was


def test_image_without_documents_has_none(registry: tuple[Registry, FaultProxy], sif: Path, tmp_path: Path) -> None:
    client, proxy = registry
    assert client.attachments(client.push(sif, Place(proxy.host, tmp_path, tmp_path).reference("bare"), {}).reference) == ()


def test_document_for_an_image_that_is_not_there_is_refused(place: Place, document: Path) -> None:
    with pytest.raises(UsageError, match="is not in the registry"):
        place.registry.attach(place.reference("none"), SBOM, document)


def test_several_that_attach_at_once_lose_nothing(place: Place, sif: Path, tmp_path: Path) -> None:
    image = place.registry.push(sif, place.reference("crowd"), {}).reference
    paths = [tmp_path / f"{number}.json" for number in range(4)]
    for path in paths:
        path.write_text(path.name)
    threads = [threading.Thread(target=lambda path=path: place.registry.attach(image, SBOM, path)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {attachment.blob_digest for attachment in place.registry.attachments(image)} == {Blob.of(path).digest for path in paths}


def test_document_that_was_altered_in_the_registry_is_refused(place: Place, server: RegistryServer, sif: Path, document: Path) -> None:
    image = place.registry.push(sif, place.reference("altered"), {}).reference
    document.write_text('{"bomFormat": "to be altered"}')
    attached = place.registry.attach(image, SBOM, document)
    server.blob(attached.blob_digest).write_text('{"bomFormat": "TO BE ALTERED"}')
    with pytest.raises(ToolError, match="does not match its manifest"):
        place.registry.read(image, attached)


def test_list_that_is_no_list_is_an_error_and_not_an_empty_one(through: Place, proxy: FaultProxy, sif: Path) -> None:
    image = through.registry.push(sif, through.reference("list"), {}).reference
    proxy.faults.append(Fault("GET", "/manifests/sha256-", status=200, text='{"manifests": [{"digest": "x"}]}'))
    with pytest.raises(ToolError, match=r"no valid index \(manifests\.0\.mediaType"):
        through.registry.attachments(image)


def test_attachment_manifest_that_was_altered_is_refused_and_told(
    through: Place, proxy: FaultProxy, sif: Path, document: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is left out, and hides none of the others."""
    image = through.registry.push(sif, through.reference("list"), {}).reference
    altered, whole = (through.registry.attach(image, kind, document) for kind in (SBOM, "application/vnd.example.other"))
    proxy.faults.append(Fault("GET", f"/manifests/{altered.digest}", change=lambda content: content.replace(b"cyclonedx", b"cyclonedy")))
    assert [found.digest for found in through.registry.attachments(image)] == [whole.digest]
    assert "answered with another manifest" in caplog.text


def test_manifests_of_other_tools_are_understood() -> None:
    """cosign's list leaves the artifact type out, and puts one of its own into the configuration."""
    listed = b'{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":877,"digest":"sha256:%s"}]}'
    assert parse(listed % (b"0" * 64), Index, "a list").manifests[0].artifactType is None
    with pytest.raises(ToolError, match="no valid manifest"):
        parse(b"[]", Manifest, "a manifest")
