"""Against a real registry (Debian's docker-registry) with TLS, on loopback."""

import hashlib
import json
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import tenacity
import trustme

from esd_build.errors import ToolError, UsageError
from esd_build.reference import ImageReference
from esd_build.registry import SIF_CONFIG, SIF_LAYER, Registry

pytestmark = pytest.mark.integration

ANNOTATIONS = {"org.opencontainers.image.title": "nest", "eu.ebrains.esd.environment": "edge"}


@dataclass(frozen=True)
class Server:
    host: str
    ca_file: Path
    storage: Path

    @property
    def registry(self) -> Registry:
        return Registry(self.host, ca_file=self.ca_file)

    def reference(self, tag: str) -> ImageReference:
        return ImageReference.parse(f"{self.host}/esd/nest:{tag}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if shutil.which("docker-registry") is None:
        pytest.skip("docker-registry is not installed: `make setup`")
    folder = tmp_path_factory.mktemp("registry")
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    for index, pem in enumerate(certificate.cert_chain_pems):
        pem.write_to_path(folder / "certificate.pem", append=index > 0)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    host = f"127.0.0.1:{free_port()}"
    (folder / "config.yml").write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}/storage}}}}\n"
        f"http: {{addr: '{host}', tls: {{certificate: {folder}/certificate.pem, key: {folder}/key.pem}}}}\n"
    )
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    try:
        wait_for(host, folder / "ca.pem")
        yield Server(host, folder / "ca.pem", folder / "storage")
    finally:
        process.terminate()
        process.wait()


@tenacity.retry(
    retry=tenacity.retry_if_exception_type(httpx.TransportError), wait=tenacity.wait_fixed(0.05), stop=tenacity.stop_after_delay(20)
)
def wait_for(host: str, ca_file: Path) -> None:
    httpx.get(f"https://{host}/v2/", verify=ssl.create_default_context(cafile=str(ca_file))).raise_for_status()


@pytest.fixture
def sif(tmp_path: Path) -> Path:
    path = tmp_path / "nest-edge.sif"
    path.write_bytes(b"#!/usr/bin/env run-singularity\n" + bytes(range(256)) * 1000)
    return path


def sha256(path: Path) -> str:
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def test_push_resolve_pull(server: Server, sif: Path, tmp_path: Path) -> None:
    pushed = server.registry.push(sif, server.reference("edge"), ANNOTATIONS)
    assert str(pushed.reference).startswith(f"{server.host}/esd/nest:edge@sha256:")
    assert (pushed.sif_digest, pushed.size) == (sha256(sif), sif.stat().st_size)
    assert server.registry.resolve(server.reference("edge")) == pushed
    assert server.registry.resolve(pushed.reference).annotations == ANNOTATIONS
    assert sha256(server.registry.pull(pushed, tmp_path / "pulled" / "nest.sif")) == sha256(sif)


def test_digest_is_what_the_registry_itself_says(server: Server, sif: Path) -> None:
    pushed = server.registry.push(sif, server.reference("edge"), ANNOTATIONS)
    answer = httpx.get(
        f"https://{server.host}/v2/esd/nest/manifests/edge",
        headers={"Accept": "application/vnd.oci.image.manifest.v1+json"},
        verify=ssl.create_default_context(cafile=str(server.ca_file)),
    )
    assert answer.headers["Docker-Content-Digest"] == pushed.reference.digest
    manifest = json.loads(answer.content)
    assert manifest["config"]["mediaType"] == SIF_CONFIG
    assert [layer["mediaType"] for layer in manifest["layers"]] == [SIF_LAYER]


def test_same_image_pushed_twice_has_one_digest(server: Server, sif: Path) -> None:
    first, second = (server.registry.push(sif, server.reference(tag), ANNOTATIONS) for tag in ("a", "b"))
    assert first.reference.digest == second.reference.digest


def test_unknown_tag_offers_the_nearest(server: Server, sif: Path) -> None:
    server.registry.push(sif, server.reference("25.04"), {})
    with pytest.raises(UsageError, match=r"is not in the registry; did you mean '25\.04'\?"):
        server.registry.resolve(server.reference("25.40"))


def test_wrong_digest_is_not_there(server: Server) -> None:
    reference = ImageReference.parse(f"{server.host}/esd/nest@sha256:{'0' * 64}")
    with pytest.raises(UsageError, match="is not in the registry"):
        server.registry.resolve(reference)


def test_registry_that_is_down_fails_soon_and_says_so(tmp_path: Path) -> None:
    host = f"127.0.0.1:{free_port()}"
    with pytest.raises(ToolError, match=f"registry {host} does not answer; is it up"):
        Registry(host).resolve(ImageReference.parse(f"{host}/esd/nest:edge"))


def test_certificate_of_an_unknown_authority_is_refused(server: Server, sif: Path) -> None:
    with pytest.raises(ToolError, match="is not trusted; name its authority with --ca-file"):
        Registry(server.host).resolve(server.reference("edge"))
    with pytest.raises(UsageError, match="no such file"):
        Registry(server.host, ca_file=sif.with_name("none.pem"))


def test_damaged_download_is_refused_and_leaves_nothing(server: Server, sif: Path, tmp_path: Path) -> None:
    sif.write_bytes(sif.read_bytes() + b"to be damaged")
    pushed = server.registry.push(sif, server.reference("damaged"), {})
    stored = server.storage / f"docker/registry/v2/blobs/sha256/{pushed.sif_digest[7:9]}/{pushed.sif_digest[7:]}/data"
    stored.write_bytes(stored.read_bytes()[::-1])
    target = tmp_path / "pulled" / "nest.sif"
    with pytest.raises(ToolError, match="its manifest says"):
        server.registry.pull(pushed, target)
    assert list(target.parent.iterdir()) == []


def test_artifact_that_is_no_image_is_refused(server: Server, tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no image")
    client = server.registry._client
    client.push(f"{server.host}/esd/notes:edge", files=[f"{text}:text/plain"], disable_path_validation=True, quiet=True)
    with pytest.raises(UsageError, match="is not an Apptainer image"):
        server.registry.resolve(ImageReference.parse(f"{server.host}/esd/notes:edge"))
