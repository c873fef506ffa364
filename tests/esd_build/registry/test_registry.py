"""Against a real registry (Debian's docker-registry) with TLS, on loopback."""

import hashlib
import json
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from tests.esd_build.registry.proxy import FaultProxy
from tests.esd_build.registry.servers import Place, RegistryServer, free_port, running_registry

from esd_build.data.errors import ToolError, UsageError
from esd_build.data.reference import ImageReference
from esd_build.registry import SIF_CONFIG, SIF_LAYER, Registry

pytestmark = pytest.mark.integration

ANNOTATIONS = {"org.opencontainers.image.title": "nest", "eu.ebrains.esd.environment": "edge"}


def sha256(path: Path) -> str:
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def test_push_resolve_pull(place: Place, sif: Path, tmp_path: Path) -> None:
    pushed = place.registry.push(sif, place.reference("edge"), ANNOTATIONS)
    assert str(pushed.reference).startswith(f"{place.host}/esd/nest:edge@sha256:")
    assert (pushed.sif_digest, pushed.size) == (sha256(sif), sif.stat().st_size)
    assert place.registry.resolve(place.reference("edge")) == pushed
    assert place.registry.resolve(pushed.reference).annotations == ANNOTATIONS
    assert sha256(place.registry.pull(pushed, tmp_path / "pulled" / "nest.sif")) == sha256(sif)


def test_digest_is_what_the_registry_itself_says(place: Place, sif: Path) -> None:
    pushed = place.registry.push(sif, place.reference("edge"), ANNOTATIONS)
    answer = httpx.get(
        f"https://{place.host}/v2/esd/nest/manifests/edge",
        headers={"Accept": "application/vnd.oci.image.manifest.v1+json"},
        verify=ssl.create_default_context(cafile=str(place.ca_file)),
    )
    assert answer.headers["Docker-Content-Digest"] == pushed.reference.digest
    manifest = json.loads(answer.content)
    assert manifest["config"]["mediaType"] == SIF_CONFIG
    assert [layer["mediaType"] for layer in manifest["layers"]] == [SIF_LAYER]


def test_same_image_pushed_twice_has_one_digest(place: Place, sif: Path) -> None:
    first, second = (place.registry.push(sif, place.reference(tag), ANNOTATIONS) for tag in ("a", "b"))
    assert first.reference.digest == second.reference.digest


def test_unknown_tag_offers_the_nearest(place: Place, sif: Path) -> None:
    place.registry.push(sif, place.reference("25.04"), {})
    with pytest.raises(UsageError, match=r"is not in the registry; did you mean '25\.04'\?"):
        place.registry.resolve(place.reference("25.40"))


def test_wrong_digest_is_not_there(place: Place) -> None:
    reference = ImageReference.parse(f"{place.host}/esd/nest@sha256:{'0' * 64}")
    with pytest.raises(UsageError, match="is not in the registry"):
        place.registry.resolve(reference)


def test_registry_that_is_down_fails_soon_and_says_so(tmp_path: Path) -> None:
    host = f"127.0.0.1:{free_port()}"
    with pytest.raises(ToolError, match=f"registry {host} does not answer; check that it is up"):
        Registry(host).resolve(ImageReference.parse(f"{host}/esd/nest:edge"))


def test_certificate_of_an_unknown_authority_is_refused(place: Place, sif: Path) -> None:
    with pytest.raises(ToolError, match="is not trusted; name its authority with --ca-file"):
        Registry(place.host).resolve(place.reference("edge"))
    with pytest.raises(UsageError, match="no such file"):
        Registry(place.host, ca_file=sif.with_name("none.pem"))


def test_damaged_download_is_refused_and_leaves_nothing(place: Place, server: RegistryServer, sif: Path, tmp_path: Path) -> None:
    sif.write_bytes(sif.read_bytes() + b"to be damaged")
    pushed = place.registry.push(sif, place.reference("damaged"), {})
    stored = server.blob(pushed.sif_digest)
    stored.write_bytes(stored.read_bytes()[::-1])
    target = tmp_path / "pulled" / "nest.sif"
    with pytest.raises(ToolError, match="does not match its manifest"):
        place.registry.pull(pushed, target)
    assert list(target.parent.iterdir()) == []


def test_artifact_that_is_no_image_is_refused(place: Place, tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no image")
    place.registry.connection.push(f"{place.host}/esd/notes:edge", files=[f"{text}:text/plain"], disable_path_validation=True, quiet=True)
    with pytest.raises(UsageError, match="is not an Apptainer image"):
        place.registry.resolve(ImageReference.parse(f"{place.host}/esd/notes:edge"))


def test_immutable_tag_that_is_there_is_refused_before_anything_is_sent(through: Place, proxy: FaultProxy, sif: Path) -> None:
    first = through.registry.push(sif, through.reference("fixed"), ANNOTATIONS, immutable=True)
    assert through.registry.push(sif, through.reference("fixed"), ANNOTATIONS, immutable=True) == first
    sif.write_bytes(b"another image")
    proxy.seen.clear()
    with pytest.raises(UsageError, match=r"already exists, is immutable, and names another image .*; nothing was sent"):
        through.registry.push(sif, through.reference("fixed"), ANNOTATIONS, immutable=True)
    assert [seen.method for seen in proxy.seen] == ["GET"]
    assert through.registry.resolve(through.reference("fixed")) == first


def test_push_of_what_is_there_writes_nothing(through: Place, proxy: FaultProxy, sif: Path) -> None:
    through.registry.push(sif, through.reference("same"), ANNOTATIONS)
    proxy.seen.clear()
    through.registry.push(sif, through.reference("same"), ANNOTATIONS)
    assert {seen.method for seen in proxy.seen} == {"GET", "HEAD"}


def test_tag_moves_to_an_image_that_is_there(place: Place, sif: Path) -> None:
    first = place.registry.push(sif, place.reference("edge-20260101-00000000"), ANNOTATIONS)
    sif.write_bytes(b"another image")
    place.registry.push(sif, place.reference("edge"), ANNOTATIONS)
    moved = place.registry.move("edge", first)
    assert moved.reference.digest == first.reference.digest
    assert str(place.registry.resolve(place.reference("edge")).reference.digest) == first.reference.digest


def test_two_pushes_of_one_file_send_it_once(through: Place, proxy: FaultProxy, sif: Path) -> None:
    results: list[object] = []
    pushing = [
        threading.Thread(target=lambda tag=tag: results.append(through.registry.push(sif, through.reference(tag), {}).sif_digest))
        for tag in ("one", "two")
    ]
    for thread in pushing:
        thread.start()
    for thread in pushing:
        thread.join()
    assert results == [sha256(sif)] * 2
    assert proxy.received - len(b"{}") <= sif.stat().st_size


def test_two_pulls_of_one_image_read_it_once(through: Place, proxy: FaultProxy, sif: Path, tmp_path: Path) -> None:
    pushed = through.registry.push(sif, through.reference("pull"), {})
    target = tmp_path / "here" / "nest.sif"
    pulling = [threading.Thread(target=lambda: through.registry.pull(pushed, target)) for _ in range(3)]
    for thread in pulling:
        thread.start()
    for thread in pulling:
        thread.join()
    assert sha256(target) == sha256(sif)
    assert len([seen for seen in proxy.seen if seen.method == "GET" and "/blobs/" in seen.path]) == 1
    assert [path.name for path in target.parent.iterdir()] == ["nest.sif"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Two megabytes that are soon full."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_pull_to_a_full_disk_is_refused_before_it_starts(place: Place, sif: Path, small_disk: Path) -> None:
    pushed = place.registry.push(sif, place.reference("full"), {})
    with pytest.raises(ToolError, match=r"no room in .*: 4 MB are missing, but only 2 MB are free"):
        place.registry.pull(pushed, small_disk / "nest.sif")


def test_disk_that_fills_up_during_a_pull_is_left_empty(place: Place, sif: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pushed = place.registry.push(sif, place.reference("full"), {})
    monkeypatch.setattr("shutil.disk_usage", lambda _path: SimpleNamespace(free=10**9))
    with pytest.raises(ToolError, match=r"No space left on device; nothing was kept"):
        place.registry.pull(pushed, small_disk / "nest.sif")
    assert list(small_disk.iterdir()) == []


def test_registry_whose_disk_is_full_says_so_and_a_push_works_once_there_is_room(sif: Path, small_disk: Path, tmp_path: Path) -> None:
    folder = tmp_path / "full"
    folder.mkdir()
    with running_registry(folder, small_disk) as server:
        place = Place(server.host, server.tls.ca_file, tmp_path / "unfinished", patience_s=0.5)
        with pytest.raises(ToolError, match="the registry's own disk is full"):
            place.registry.push(sif, place.reference("full"), {})
        assert place.registry.find(place.reference("full")) is None
        subprocess.run(["mount", "-o", "remount,size=20m", small_disk], check=True)
        assert place.registry.push(sif, place.reference("full"), {}).sif_digest == sha256(sif)
