"""Pushing and pulling through a proxy that fails: at any byte, with any passing answer, and for good."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.esd_build.registry.conftest import MB
from tests.esd_build.registry.keeping import Keeping
from tests.esd_build.registry.proxy import Fault, FaultProxy
from tests.esd_build.registry.servers import Place, RegistryServer

from esd_build.data.errors import ToolError, UsageError
from esd_build.registry import Blob

pytestmark = pytest.mark.integration

UPLOAD = r"/blobs/uploads/"
SIZE = 1024 + 256 * 14330


def is_published(place: Place, tag: str) -> bool:
    return place.registry.find(place.reference(tag)) is not None


@pytest.mark.parametrize("skip", [0, 1, 3], ids=["first chunk", "second chunk", "last chunk"])
@pytest.mark.parametrize("byte", [0, 1, 65537, MB - 1])
def test_push_that_is_cut_at_any_byte_is_gone_on_with(through: Place, proxy: FaultProxy, sif: Path, skip: int, byte: int) -> None:
    proxy.faults.append(Fault("PATCH", skip=skip, cut_request_after=byte))
    pushed = through.registry.push(sif, through.reference("cut"), {})
    assert (pushed.sif_digest, pushed.size) == (Blob.of(sif).digest, SIZE)
    assert proxy.faults[0].times == 0


@pytest.mark.parametrize("lost", ["POST", "PATCH", "PUT"])
def test_answer_that_is_lost_does_no_harm(through: Place, proxy: FaultProxy, sif: Path, lost: str) -> None:
    proxy.faults.append(Fault(lost, UPLOAD, lose_answer=True))
    assert through.registry.push(sif, through.reference("lost"), {}).sif_digest == Blob.of(sif).digest
    assert proxy.faults[0].times == 0


def test_lost_answer_to_the_tag_does_no_harm(through: Place, proxy: FaultProxy, sif: Path) -> None:
    proxy.faults.append(Fault("PUT", "/manifests/", lose_answer=True))
    assert through.registry.push(sif, through.reference("lost"), {}).sif_digest == Blob.of(sif).digest


@pytest.mark.parametrize(
    ("status", "method", "path"),
    [
        *((status, "PATCH", UPLOAD) for status in (429, 500, 502, 503, 504)),
        *(
            (503, method, path)
            for method, path in (("HEAD", "/blobs/"), ("POST", UPLOAD), ("PUT", UPLOAD), ("PUT", "/manifests/"), ("GET", ""))
        ),
    ],
)
def test_passing_answers_pass(through: Place, proxy: FaultProxy, sif: Path, status: int, method: str, path: str) -> None:
    proxy.faults.append(Fault(method, path, times=2, status=status))
    assert through.registry.push(sif, through.reference("passing"), {}).sif_digest == Blob.of(sif).digest
    assert proxy.faults[0].times == 0


def test_registry_that_restarts_in_the_middle_is_waited_for(
    through: Place, proxy: FaultProxy, server: RegistryServer, sif: Path, tmp_path: Path
) -> None:
    proxy.faults.append(Fault("PATCH", skip=1, before=server.restart))
    pushed = through.registry.push(sif, through.reference("restart"), {})
    proxy.faults.append(Fault("GET", "/blobs/", before=server.restart, cut_response_after=MB))
    assert Blob.of(through.registry.pull(pushed, tmp_path / "here" / "nest.sif")).digest == Blob.of(sif).digest


def test_registry_that_stays_broken_is_given_up_with_its_words_and_nothing_is_published(
    through: Place, proxy: FaultProxy, sif: Path
) -> None:
    text = '{"errors": [{"code": "UNAVAILABLE", "message": "maintenance until noon"}]}'
    proxy.faults.append(Fault("PATCH", times=99, status=503, text=text))
    impatient = Place(through.host, through.ca_file, through.unfinished, patience_s=0.1)
    with pytest.raises(ToolError, match=r"answered 503 Service Unavailable \(UNAVAILABLE: maintenance until noon\)"):
        impatient.registry.push(sif, through.reference("broken"), {})
    assert not is_published(through, "broken")
    proxy.faults.clear()
    assert through.registry.push(sif, through.reference("broken"), {}).size == SIZE


def test_pause_that_the_registry_asks_for_is_kept(through: Place, proxy: FaultProxy, sif: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    registry = through.registry
    monkeypatch.setattr(registry.connection.patience, "sleep", pauses.append)
    proxy.faults.append(Fault("PATCH", times=1, status=429, headers={"Retry-After": "7"}))
    registry.push(sif, through.reference("busy"), {})
    assert pauses == [7]


def test_full_disk_of_the_registry_is_said_at_once(through: Place, proxy: FaultProxy, sif: Path) -> None:
    text = '{"errors": [{"code": "UNKNOWN", "message": "unknown error", "detail": {"Err": {"Err": "no space left on device"}}}]}'
    proxy.faults.append(Fault("PATCH", times=99, status=500, text=text))
    with pytest.raises(ToolError, match="the registry's own disk is full"):
        through.registry.push(sif, through.reference("full"), {})
    assert not is_published(through, "full")


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [(413, ToolError, "ESD_REGISTRY_CHUNK_MB"), (412, UsageError, "is immutable"), (403, UsageError, "lacks the right")],
)
def test_final_answers_say_what_to_do(
    through: Place, proxy: FaultProxy, sif: Path, status: int, error: type[Exception], words: str
) -> None:
    proxy.faults.append(Fault("PATCH", status=status))
    with pytest.raises(error, match=words):
        through.registry.push(sif, through.reference("final"), {})


def test_behind_a_proxy_that_takes_in_whole_requests_a_killed_push_sends_only_the_rest(
    server: RegistryServer, start: Callable[[FaultProxy], FaultProxy], sif: Path, tmp_path: Path
) -> None:
    proxy = start(FaultProxy(server, takes_in_whole=True))
    place = Place(proxy.host, server.tls.ca_file, tmp_path / "unfinished", patience_s=0.1)
    proxy.faults.append(Fault("PATCH", skip=2, times=99, cut_request_after=1000))
    with pytest.raises(ToolError, match="broke several times"):
        place.registry.push(sif, place.reference("killed", "killed"), {})
    proxy.faults.clear()
    proxy.seen.clear()
    assert place.registry.push(sif, place.reference("killed", "killed"), {}).sif_digest == Blob.of(sif).digest
    assert proxy.received - len(b"{}") == SIZE - 2 * MB


@pytest.mark.parametrize("byte", [0, 1, 65536, MB - 1])
def test_where_the_registry_keeps_what_it_got_only_the_rest_is_sent(
    server: RegistryServer, start: Callable[[FaultProxy], FaultProxy], sif: Path, tmp_path: Path, byte: int
) -> None:
    proxy = start(Keeping(server))
    place = Place(proxy.host, server.tls.ca_file, tmp_path / "unfinished", patience_s=0.1)
    proxy.faults.append(Fault("PATCH", skip=1, cut_request_after=byte))
    assert place.registry.push(sif, place.reference("kept", "kept"), {}).sif_digest == Blob.of(sif).digest
    assert SIZE <= proxy.received <= SIZE + len(b"{}")


def test_killed_push_goes_on_in_a_new_process_inside_a_chunk(
    server: RegistryServer, start: Callable[[FaultProxy], FaultProxy], sif: Path, tmp_path: Path
) -> None:
    proxy = start(Keeping(server))
    place = Place(proxy.host, server.tls.ca_file, tmp_path / "unfinished", patience_s=0)
    proxy.faults.append(Fault("PATCH", skip=1, cut_request_after=65536))
    proxy.faults.append(Fault("PATCH", skip=1, times=99, cut_request_after=0))
    with pytest.raises(ToolError, match="broke several times"):
        place.registry.push(sif, place.reference("killed", "inside"), {})
    proxy.faults.clear()
    proxy.seen.clear()
    assert place.registry.push(sif, place.reference("killed", "inside"), {}).sif_digest == Blob.of(sif).digest
    assert SIZE - MB - 65536 <= proxy.received <= SIZE - MB - 65536 + len(b"{}")


def test_upload_that_the_registry_has_forgotten_is_begun_anew(through: Place, proxy: FaultProxy, sif: Path) -> None:
    """Debian's docker-registry forgets an upload that was cut inside a chunk: everything is sent once more, and it is said nowhere."""
    proxy.faults.append(Fault("PATCH", skip=2, cut_request_after=1000))
    through.registry.push(sif, through.reference("forgotten", "forgotten"), {})
    assert [seen.method for seen in proxy.seen if UPLOAD.strip("/") in seen.path].count("POST") == 3  # twice the image, once "{}"


@pytest.mark.parametrize("byte", [0, 1, MB, SIZE - 1])
def test_pull_that_is_cut_at_any_byte_reads_only_the_rest(through: Place, proxy: FaultProxy, sif: Path, tmp_path: Path, byte: int) -> None:
    pushed = through.registry.push(sif, through.reference("pull"), {})
    proxy.faults.append(Fault("GET", "/blobs/", cut_response_after=byte))
    assert Blob.of(through.registry.pull(pushed, tmp_path / "here" / "nest.sif")).digest == Blob.of(sif).digest
    ranges = [seen.headers.get("Range") for seen in proxy.seen if seen.method == "GET" and "/blobs/" in seen.path]
    assert len(ranges) == 2
    again = int((ranges[1] or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
    assert byte - 64 * 1024 < again <= byte


def test_pull_that_was_killed_is_gone_on_with_by_the_next_process(through: Place, proxy: FaultProxy, sif: Path, tmp_path: Path) -> None:
    pushed = through.registry.push(sif, through.reference("pull"), {})
    proxy.faults.append(Fault("GET", "/blobs/", cut_response_after=2 * MB))
    proxy.faults.append(Fault("GET", "/blobs/", times=99, status=503))
    impatient = Place(through.host, through.ca_file, through.unfinished, patience_s=0.1)
    target = tmp_path / "here" / "nest.sif"
    with pytest.raises(ToolError, match="503"):
        impatient.registry.pull(pushed, target)
    assert not target.exists()
    proxy.faults.clear()
    proxy.seen.clear()
    through.registry.pull(pushed, target)
    assert [seen.headers.get("Range") for seen in proxy.seen] == [f"bytes={2 * MB}-"]
    assert [path.name for path in target.parent.iterdir()] == ["nest.sif"]


def test_server_that_ignores_the_range_is_read_from_the_start(through: Place, proxy: FaultProxy, sif: Path, tmp_path: Path) -> None:
    pushed = through.registry.push(sif, through.reference("pull"), {})
    target = tmp_path / "here" / "nest.sif"
    target.parent.mkdir()
    (target.parent / f".nest.sif.{pushed.sif_digest[7:19]}.part").write_bytes(sif.read_bytes()[:5000])
    proxy.faults.append(Fault("GET", "/blobs/", ignore="Range"))
    assert Blob.of(through.registry.pull(pushed, target)).digest == pushed.sif_digest
    assert proxy.faults[0].times == 0


def test_server_that_sends_another_part_is_not_believed(through: Place, proxy: FaultProxy, sif: Path, tmp_path: Path) -> None:
    pushed = through.registry.push(sif, through.reference("pull"), {})
    target = tmp_path / "here" / "nest.sif"
    target.parent.mkdir()
    (target.parent / f".nest.sif.{pushed.sif_digest[7:19]}.part").write_bytes(sif.read_bytes()[:5000])
    proxy.faults.append(Fault("GET", "/blobs/", status=206, text="other", headers={"Content-Range": "bytes 7-11/99"}))
    with pytest.raises(ToolError, match="sends another part than was asked for"):
        through.registry.pull(pushed, target)


def test_leftover_of_another_content_is_found_out_and_fetched_anew(through: Place, proxy: FaultProxy, sif: Path, tmp_path: Path) -> None:
    pushed = through.registry.push(sif, through.reference("pull"), {})
    target = tmp_path / "here" / "nest.sif"
    target.parent.mkdir()
    (target.parent / f".nest.sif.{pushed.sif_digest[7:19]}.part").write_bytes(b"not its beginning")
    assert Blob.of(through.registry.pull(pushed, target)).digest == pushed.sif_digest


def test_file_that_is_there_already_is_not_fetched_again(through: Place, proxy: FaultProxy, sif: Path) -> None:
    pushed = through.registry.push(sif, through.reference("pull"), {})
    proxy.seen.clear()
    through.registry.pull(pushed, sif)
    assert proxy.seen == []


def test_upload_is_never_sent_to_another_server(through: Place, proxy: FaultProxy, sif: Path) -> None:
    proxy.faults.append(Fault("POST", UPLOAD, status=202, headers={"Location": "https://elsewhere.example/upload"}))
    with pytest.raises(ToolError, match=r"redirects to another server, https://elsewhere\.example/upload; nothing was sent there"):
        through.registry.push(sif, through.reference("elsewhere"), {})


def test_redirect_away_from_tls_is_not_followed(through: Place, proxy: FaultProxy, sif: Path, tmp_path: Path) -> None:
    pushed = through.registry.push(sif, through.reference("redirect"), {})
    proxy.faults.append(Fault("GET", "/blobs/", status=307, headers={"Location": "http://127.0.0.1/blob"}))
    with pytest.raises(ToolError, match="which is not https"):
        through.registry.pull(pushed, tmp_path / "nest.sif")


def test_manifest_that_was_altered_in_the_registry_is_refused(through: Place, proxy: FaultProxy, sif: Path) -> None:
    pushed = through.registry.push(sif, through.reference("altered"), {"title": "nest"})
    proxy.faults.append(Fault("GET", "/manifests/", change=lambda content: content.replace(b"nest", b"best")))
    with pytest.raises(ToolError, match="answered with another manifest"):
        through.registry.resolve(pushed.reference)


def test_manifest_that_comes_back_altered_after_a_push_is_found_out(through: Place, proxy: FaultProxy, sif: Path) -> None:
    spaced = b'"annotations": {}'
    proxy.faults.append(Fault("GET", "/manifests/", skip=1, change=lambda content: content.replace(spaced.replace(b" ", b""), spaced)))
    with pytest.raises(ToolError, match="serves another image"):
        through.registry.push(sif, through.reference("altered"), {})


def test_file_that_is_changed_while_it_is_sent_is_not_published(through: Place, proxy: FaultProxy, sif: Path) -> None:
    def change() -> None:
        with sif.open("r+b") as file:
            file.seek(2 * MB)
            file.write(b"changed")

    proxy.faults.append(Fault("PATCH", before=change))
    with pytest.raises(UsageError, match="the file changed during the upload"):
        through.registry.push(sif, through.reference("changed"), {})
    assert not is_published(through, "changed")


def test_file_that_gets_shorter_while_it_is_sent_is_not_published(through: Place, proxy: FaultProxy, sif: Path) -> None:
    def cut() -> None:
        with sif.open("r+b") as file:
            file.truncate(2 * MB)

    proxy.faults.append(Fault("PATCH", before=cut))
    with pytest.raises(UsageError, match="became shorter during the upload"):
        through.registry.push(sif, through.reference("shorter"), {})
    assert not is_published(through, "shorter")
