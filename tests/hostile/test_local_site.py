"""A user who means harm to the local site's endpoint: pipes, devices, links into /proc, poison, guessed passwords, silence."""

import os
import resource
import socket
import ssl
import subprocess
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import trustme
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from esd_localsite.description.fields import read_object
from esd_localsite.description.resources import DescriptionError
from esd_localsite.files import opening
from esd_localsite.files.files import PathError, Storage
from esd_localsite.files.processes import Account
from esd_localsite.front import patience
from esd_localsite.identity.guesses import Guesses
from esd_localsite.identity.users import Gate, Refusal, UserEntry, UsersFile
from esd_localsite.jobs.watch import Watch
from esd_localsite.nmpi import results
from esd_localsite.records.records import JobRecord
from esd_localsite.records.script import EXIT_CODE_FILE
from esd_localsite.records.shelf import Shelf, UnkeptError
from esd_localsite.records.workspace import Workspace

REFUSED = (OSError, PathError)
HOLE = 700 * 1024**2


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path, Account.of(None))


@pytest.fixture
def storage(tmp_path):
    return Storage(tmp_path, Account.of(None))


@pytest.fixture(autouse=True)
def in_time(request):
    """A test that waits for a pipe fails instead of standing still."""
    if threading.current_thread() is threading.main_thread():
        import faulthandler

        faulthandler.dump_traceback_later(60, exit=True)
        yield
        faulthandler.cancel_dump_traceback_later()


@pytest.mark.parametrize("name", [EXIT_CODE_FILE, "stdout", "stderr", "bss_submit_1"])
def test_a_pipe_holds_nobody(workspace, name):
    os.mkfifo(workspace.directory / name)
    assert (workspace.exit_code(), workspace.output_tail("")) == (None, ())
    assert workspace.write(name, "text").read_text() == "text"


@pytest.mark.parametrize("target", ["/dev/zero", "/proc/self/maps", "/proc/self/fd"])
def test_what_is_no_plain_file_is_not_read(workspace, storage, target):
    (workspace.directory / "stdout").symlink_to(target)
    (workspace.directory / EXIT_CODE_FILE).symlink_to(target)
    assert (workspace.output_tail(""), workspace.exit_code()) == ((), None)
    with pytest.raises(REFUSED):
        storage.open("stdout")
    with pytest.raises(REFUSED):
        storage.copy("stdout", "copy")
    assert not (workspace.directory / "copy").exists()


def test_a_written_script_replaces_a_link_and_not_what_it_leads_to(workspace, tmp_path):
    other = tmp_path / "other"
    other.write_text("mine")
    (workspace.directory / "bss_submit_1").symlink_to(other)
    workspace.write("bss_submit_1", "#!/bin/bash\n")
    assert other.read_text() == "mine"


def test_a_link_into_the_endpoints_open_files_shows_nothing(storage, tmp_path):
    """Another user's file, in a folder closed to this one, that the endpoint reads just now."""
    secret = tmp_path / "closed" / "secret"
    secret.parent.mkdir()
    secret.write_text("of another user")
    with secret.open() as held, os.scandir(secret.parent) as _folder:
        folder = os.open(secret.parent, os.O_RDONLY)
        (tmp_path / "file").symlink_to(f"/proc/self/fd/{held.fileno()}")
        (tmp_path / "folder").symlink_to(f"/proc/self/fd/{folder}")
        (tmp_path / "task").symlink_to(f"/proc/thread-self/fd/{held.fileno()}")
        looks = (
            storage.open,
            storage.properties,
            lambda name: storage.copy(name, "copy"),
            lambda name: storage.set_permissions(name, "r--------"),
        )
        for name in ("file", "task", "folder/secret"):
            for look in looks:
                with pytest.raises(REFUSED):
                    look(name)
        for change in (storage.make_directory, storage.remove, lambda name: storage.rename(name, "mine")):
            with pytest.raises(REFUSED):
                change("folder/secret")
        with pytest.raises(REFUSED):
            storage.properties("folder")
        os.close(folder)
    assert secret.read_text() == "of another user"
    assert "file" in str(storage.properties("")["content"])


@pytest.mark.parametrize(
    "way", ["/proc/self/root", "/proc/thread-self/root", "/proc/self/cwd", "/proc/1/root", "/dev/fd", "/proc/self/task"]
)
def test_no_way_through_proc_leads_anywhere(storage, tmp_path, way):
    """`/proc/self/root` is the endpoint's own root, and `/dev/fd` a link into `/proc`: nothing behind it is shown or written."""
    target = tmp_path / "outside"
    target.write_text("mine")
    behind = f"way{target}" if way.endswith("root") else "way/0"
    (tmp_path / "way").symlink_to(way)
    (tmp_path / "twice").symlink_to("way")
    for name in ("way", "twice", behind, behind.replace("way", "twice", 1)):
        for look in (storage.open, storage.properties, lambda name: storage.copy(name, "copy"), storage.writing):
            with pytest.raises(REFUSED):
                look(name)
        with suppress(*REFUSED):
            assert storage.matching(name) == ()
    assert (target.read_text(), (tmp_path / "copy").exists()) == ("mine", False)


@pytest.mark.integration
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_proc_that_is_mounted_at_another_place_is_still_proc(storage, tmp_path):
    """A bind mount is no link, so only the file system itself tells where a name leads."""
    there = tmp_path / "innocent"
    there.mkdir()
    if subprocess.run(("mount", "--bind", "/proc/self", there), check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        for name in ("innocent/environ", "innocent/maps", "innocent/fd/0", "innocent/root/etc/passwd"):
            with pytest.raises(REFUSED):
                storage.open(name)
            with pytest.raises(REFUSED):
                storage.copy(name, "copy")
    finally:
        subprocess.run(("umount", there), check=True)


def test_a_log_with_a_hole_costs_its_end_only(workspace):
    with (workspace.directory / "stdout").open("wb") as log:
        log.seek(HOLE)
        log.write(b"the end\n")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told = results.log(workspace)
    assert (told.endswith("the end\n"), "is not shown" in told, len(told) < 5 * 1024**2) == (True, True, True)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # KiB


def test_a_replaced_file_is_never_half(tmp_path):
    (tmp_path / "folder").mkdir()
    opening.replace(tmp_path / "folder" / "x", b"1")
    opening.replace(tmp_path / "folder" / "x", b"2")
    assert [(path.name, path.read_bytes()) for path in (tmp_path / "folder").iterdir()] == [("x", b"2")]


POISON = {
    "digits": b'{"a": ' + b"9" * 5000 + b"}",
    "a large literal": b"{'a': 0x" + b"f" * 5000 + b"}",
    "a number beyond 64 bits": b'{"a": ' + b"9" * 30 + b"}",
    "nested": b'{"a": ' + b"[" * 200 + b"]" * 200 + b"}",
    "deep": b"[" * 100_000,
    "half a character": b'{"a": "\\ud800"}',
    "no number": b'{"a": NaN}',
    "infinite": b'{"a": 1e999}',
    "a set": b"{'a': {1, 2}}",
    "bytes": b"{'a': b'x'}",
    "a set of what is in no set": b'{ {"Xodes": 2},}',
    "a key that is none": b"{[1]: 2}",
}


@pytest.mark.parametrize("kind", POISON)
def test_what_could_not_be_read_back_is_not_taken(kind):
    with pytest.raises(DescriptionError):
        read_object(POISON[kind])


def record(name="a", **fields) -> JobRecord:
    return JobRecord(id=name, created=datetime.now(UTC), owner="ada", directory=Path("/tmp"), submitted={}, **fields)


@pytest.mark.parametrize("value", [10**5000, float("inf"), "\ud800", object()], ids=["digits", "infinite", "half", "object"])
def test_a_record_is_kept_only_if_it_can_be_loaded(tmp_path, value):
    shelf = Shelf(tmp_path, JobRecord)
    poisoned = record().model_copy(update={"submitted": {"a": [value]}, "tags": (value,)})
    with pytest.raises(UnkeptError):
        shelf.save(poisoned)
    assert list(Shelf(tmp_path, JobRecord)) == []


def test_one_bad_record_keeps_no_other_from_being_served(tmp_path, caplog):
    Shelf(tmp_path, JobRecord).save(record("good"))
    for name, text in (("deep", "[" * 10_000), ("digits", '{"id": ' + "9" * 5000 + "}"), ("empty", "")):
        (tmp_path / f"{name}.json").write_text(text)
    assert [one.id for one in Shelf(tmp_path, JobRecord)] == ["good"]
    assert sorted(path.stem for path in (tmp_path / "set-aside").iterdir()) == ["deep", "digits", "empty"]
    assert caplog.text.count("is set aside") == 3


def test_a_stuck_look_at_the_jobs_is_followed_by_another_one():
    stuck, seen, enough = threading.Event(), [], threading.Event()

    def look(number):
        seen.append(number)
        if len(seen) == 2:
            stuck.wait(20)
        if len(seen) > 4:
            enough.set()

    watch = Watch(look, 0.01, stuck_s=0.2)
    watch.start()
    assert enough.wait(20)
    assert watch.restarts == 1
    stuck.set()
    watch.stop()


def gate() -> Gate:
    return Gate(UsersFile({"ada": UserEntry.of("right", "ada")}), b"x" * 32, issuer="https://x", session_seconds=60)


def basic(user: str, password: str) -> str:
    import base64

    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_a_hundred_wrong_passwords_cost_a_few_hashes():
    door = gate()
    answers = [door.identify(basic("ada", f"wrong{number}"), None, "10.0.0.1") for number in range(120)]
    assert (answers[0], answers[-1]) == (Refusal.WRONG_CREDENTIALS, Refusal.TOO_MANY_GUESSES)
    assert answers.count(Refusal.WRONG_CREDENTIALS) <= 8
    assert door.identify(basic("ada", "right"), None, "10.0.0.2").name == "ada"
    assert door.identify(basic("ada", "right"), None, "10.0.0.1").name == "ada"  # known by now, whoever guesses beside


def test_many_names_from_one_address_are_guesses_too():
    clock = [0.0]
    guesses = Guesses(lambda: clock[0])
    for number in range(30):
        guesses.was(f"user{number}", "10.0.0.1", right=False)
    assert (guesses.may_try("another", "10.0.0.1"), guesses.may_try("another", "10.0.0.2")) == (False, True)
    clock[0] = 120.0
    assert guesses.may_try("another", "10.0.0.1")


def test_a_name_that_nobody_has_takes_the_same_work(monkeypatch):
    from esd_localsite.identity import users

    hashed = []
    real = users._scrypt
    door = gate()
    monkeypatch.setattr(users, "_scrypt", lambda *given: hashed.append(1) or real(*given))
    door.identify(basic("ada", "wrong"), None, "a")
    door.identify(basic("nobody-at-all", "wrong"), None, "b")
    assert len(hashed) == 2
    assert (
        door.identify(basic("x", "\ud800".encode("utf-8", "surrogatepass").decode(errors="replace")), None, "c")
        is Refusal.WRONG_CREDENTIALS
    )


@pytest.mark.integration
def test_a_connection_that_says_nothing_is_closed(tmp_path, monkeypatch):
    monkeypatch.setattr(patience, "HEAD_S", 0.5)
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "own.pem"))
    app = Starlette(routes=[Route("/", lambda _request: PlainTextResponse("here"))])
    prompt = {"http": patience.PromptProtocol, "timeout_keep_alive": 30, "log_config": None}
    config = uvicorn.Config(app, port=0, ssl_certfile=str(tmp_path / "own.pem"), **prompt)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    context = ssl.create_default_context()
    authority.configure_trust(context)
    for said in (b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "):
        with socket.create_connection(("127.0.0.1", port)) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as talk:
            talk.settimeout(10)
            talk.sendall(said)
            assert talk.recv(100) == b""
    with httpx.Client(verify=context) as client:
        assert [client.get(f"https://127.0.0.1:{port}/").text for _ in range(2)] == ["here"] * 2
        time.sleep(0.8)  # a kept connection that waits between two requests is not silent
        assert client.get(f"https://127.0.0.1:{port}/").text == "here"
    server.should_exit = True
    thread.join(10)
