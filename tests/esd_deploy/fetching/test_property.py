"""Folders that nobody thought of: made on this disk, noted by the script of the job, listed as UNICORE lists, and fetched.

What arrived is compared with what was there, byte by byte; what did not arrive is named, once, with its reason.
"""

import hashlib
import importlib.resources
import os
import re
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from esd_deploy.backends import inventory
from esd_deploy.backends.connection import GoneError, JobState, RefusedError, RemoteFile
from esd_deploy.backends.unicore import folder as unicore_folder
from esd_deploy.backends.unicore import names as unicore_names
from esd_deploy.fetching.places import text
from esd_deploy.records.lock import alone
from esd_deploy.runs import results
from esd_deploy.runs.patience import patiently

pytestmark = pytest.mark.integration
SCRIPT = importlib.resources.files("esd_deploy") / "job" / "inventory.sh"
PATIENCE = patiently(sleep=lambda _seconds: None)
RUNS = int(os.environ.get("ESD_PROPERTY_RUNS", "30"))

name = st.one_of(
    st.sampled_from(["A", "a.earlier", "UNICORE_mine", "half\udcc3", "input.txt.changed"]),
    st.sampled_from(
        [
            "a",
            "b",
            "data",
            "run.json",
            ".lock",
            "state.txt",
            "bss_submit_x",
            "bss_submit_1",
            "x.part",
            ".a.part",
            ".lock.held",
            "n" * 250,
            "ü" * 120,
        ]
    ),
    st.text(st.characters(min_codepoint=1, max_codepoint=0x2FF, blacklist_characters="/\0"), min_size=1, max_size=12).filter(
        lambda text: text not in {".", ".."} and len(text.encode()) < 250
    ),
    st.binary(min_size=1, max_size=8).filter(lambda raw: not set(raw) & {0, 47} and raw not in {b".", b".."}).map(os.fsdecode),
)
path = st.lists(name, min_size=1, max_size=5).map("/".join)
content = st.one_of(st.binary(max_size=200), st.integers(0, 300_000).map(lambda size: b"\0" * size + b"end"))
thing = st.one_of(
    st.tuples(st.just("file"), path, content, st.sampled_from([0o644, 0o600, 0o755])),
    st.tuples(
        st.just("link"), path, st.one_of(path, st.sampled_from(["..", ".", "../..", str(Path(__file__).parent), "nowhere", "a"])), st.none()
    ),
    st.tuples(st.just("folder"), path, st.none(), st.none()),
    st.tuples(st.sampled_from(["pipe", "socket"]), path, st.none(), st.none()),
)
tree = st.lists(thing, max_size=12)


class Disk:
    """A job's folder, listed and read as a UNICORE server does it: links are followed, what is no UTF-8 is lost."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def state(self, _job: str) -> JobState:
        return JobState("SUCCESSFUL", exit_code=0)

    def files(self, _job: str) -> list[RemoteFile]:
        found = unicore_folder.walk(self._listed, lambda: inventory.links((self.root / inventory.LIST).read_bytes()))
        return list(unicore_names.real(found, self._plain))

    @contextmanager
    def read(self, _job: str, path: str, offset: int = 0) -> Iterator[Iterator[bytes]]:
        plain = self._plain().get(path) if unicore_names.is_rewritten(path) else None
        place = self.root / (plain.path if plain else path)
        if not place.is_file():
            raise GoneError(f"404 {path!a}")
        if place.stat().st_mode & 0o400 == 0:
            raise RefusedError("403")
        yield iter((place.read_bytes()[offset:],))

    def _plain(self) -> dict[str, unicore_names.Plain]:
        noted = self.root / unicore_names.LIST
        return unicore_names.parse(noted.read_bytes()) if noted.exists() else {}

    def _listed(self, path: str) -> unicore_folder.Content | str:
        place, content = self.root / path.strip("/"), {}
        if not place.is_dir():
            return {}
        try:
            entries = sorted(place.iterdir())
        except PermissionError:  # behind a link to /etc, which not everybody may read all of
            return "HTTP 403"
        for entry in entries:
            try:
                status = entry.stat()
            except OSError:
                status = entry.lstat()
            shown = os.fsencode(entry.name).decode("utf-8", errors="replace").replace("\n", "?")
            folder = stat.S_ISDIR(status.st_mode)
            content[f"{path.rstrip('/')}/{shown}{'/' if folder else ''}"] = {"isDirectory": folder, "size": status.st_size}
        return content


def make(root: Path, things: list[tuple[str, str, object, object]]) -> None:
    """As much of it as fits together."""
    for kind, where, what, mode in things:
        place = root / where
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            if not place.parent.resolve().is_relative_to(root) or os.path.lexists(place):
                continue
            if kind == "file":
                place.write_bytes(what)
                place.chmod(mode)
            elif kind == "folder":
                place.mkdir()
            elif kind == "link":
                place.symlink_to(what)
            elif kind == "pipe":
                os.mkfifo(place)
            else:
                with socket.socket(socket.AF_UNIX) as one:
                    one.bind(str(place))
        except (OSError, ValueError):
            continue


def real_files(root: Path) -> dict[str, str]:
    """Every regular file once: its path and hash."""
    found = {}
    for folder, _, names in os.walk(root):
        for one in names:
            place = Path(folder, one)
            if stat.S_ISREG(place.lstat().st_mode):
                found[place.relative_to(root).as_posix()] = hashlib.sha256(place.read_bytes()).hexdigest()
    return found


often = settings(
    max_examples=RUNS,
    deadline=None,
    derandomize="ESD_PROPERTY_RUNS" not in os.environ,
    database=None,
    phases=(Phase.explicit, Phase.generate),  # to shrink what fails takes many minutes of starting `bash`
    suppress_health_check=list(HealthCheck),
)


SENT = ("input.txt", "in/data.txt")
change = st.sampled_from(["nothing", "content", "folder", "file", "link", "gone"])
"""What the job does to its inputs: `folder` puts one in the place of a file, `file` does it the other way round."""


def altered(job: Path, how: str) -> None:
    one, other = (job / name for name in SENT)
    if how == "content":
        one.write_bytes(b"changed")
    elif how == "file":
        shutil.rmtree(other.parent)
        other.parent.write_bytes(b"was a folder")
    elif how != "nothing":
        one.unlink()
    if how == "folder":
        one.mkdir()
        (one / "inside").write_bytes(b"was a file")
    elif how == "link":
        one.symlink_to("in/data.txt")


@contextmanager
def folders(change: str) -> Iterator[tuple[Path, Path]]:
    """A job's folder and that of its run, with inputs that the job may have changed.

    The job lies so deep that a link to `../..` leads to a folder of our own, never to what other programs change meanwhile.
    """
    work = Path(tempfile.mkdtemp(prefix="esd-property-")).resolve()
    try:
        job, folder = work / "site" / "jobs" / "job", work / "run"
        (job / "esd").mkdir(parents=True)
        folder.mkdir()
        for place in (root / name for root in (job, folder) for name in SENT):
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(b"sent")
        altered(job, change)
        yield job, folder
    finally:
        shutil.rmtree(work)


def ended(job: Path) -> dict[str, str]:
    """What lies in the folder at the job's end, noted by the job's own script."""
    there = {name: digest for name, digest in real_files(job).items() if not unhoused(name)}
    subprocess.run(("bash", "-c", f". {SCRIPT}; note_results"), cwd=job, check=True)
    return there


def brought(job: Path, folder: Path, *, over: bool = True) -> results.Fetched:
    """As a client does it: one at a time."""
    sent = dict.fromkeys(SENT, hashlib.sha256(b"sent").hexdigest())
    with alone(folder / ".lock", wait=True, sleep=lambda _seconds: time.sleep(0.01)):
        return results.fetch(Disk(job), "job", folder, SENT, PATIENCE, sent=sent, ended=over)


@often
@given(tree, change)
def test_what_arrives_is_what_was_there(things, change):
    with folders(change) as (job, folder):
        make(job, things)
        there = ended(job)

        fetched = brought(job, folder)

        assert brought(job, folder) == fetched
        compare(folder, there, fetched)
        compare_links(job, folder, fetched)


@often
@given(tree)
@example([("link", "bss_submit_1", "..", None), ("file", "a", 150_000 * b"a", 0o644)])  # named like a server's script, it leads out
def test_two_clients_at_once_bring_the_same(things):
    with folders("content") as (job, folder), ThreadPoolExecutor(2) as pool:
        make(job, things)
        there = ended(job)

        one, other = pool.map(lambda _number: brought(job, folder), range(2))

        assert one == other
        compare(folder, there, one)


@often
@given(tree, tree, change)
def test_what_was_fetched_in_mid_run_does_no_harm(before, after, change):
    with folders(change) as (job, folder):
        make(job, before)
        brought(job, folder, over=False)
        for place in [job / name for name in sorted(real_files(job)) if name not in SENT][::2]:
            with place.open("ab") as file:
                file.write(b"more")
        turn(job)
        make(job, after)
        there = ended(job)

        compare(folder, there, brought(job, folder))


def turn(job: Path) -> None:
    """Every third thing at the top becomes something of another kind."""
    for place in [one for one in sorted(job.iterdir()) if one.name not in {"esd", "in", "input.txt"}][::3]:
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
            place.write_bytes(b"was a folder")
        else:
            place.unlink()
            place.mkdir()
            (place / "inside").write_bytes(b"was something else")


def unhoused(name: str) -> bool:
    """What the job's script does not count as the program's: names at the top that UNICORE uses."""
    at_top = "/" not in name and re.fullmatch(r"(bss_(submit|abort)|UNICORE_Job|TSI_submit)_[0-9].*", name)
    return bool(at_top) or name.startswith((".UNICORE_", "esd/")) or name in {"stdout", "stderr"}


def compare(folder: Path, there: dict[str, str], fetched: results.Fetched) -> None:
    own = [one for one in fetched.files if not one.path.startswith("esd/") and not unhoused(one.origin or one.path)]
    arrived = {one.origin or one.path: one for one in own}
    sent = hashlib.sha256(b"sent").hexdigest()
    expected = {text(name): digest for name, digest in there.items() if name not in SENT or digest != sent}
    assert {name: one.sha256 for name, one in arrived.items()} == expected
    assert len(arrived) == len(own)
    assert all(one.checked for one in own)
    for one in own:
        assert hashlib.sha256((folder / one.path).read_bytes()).hexdigest() == one.sha256
    assert [(folder / name).read_bytes() for name in SENT] == [b"sent"] * len(SENT)
    named = [one.path for one in fetched.missing]
    assert len(named) == len(set(named))
    assert not [one for one in fetched.missing if one.lost], fetched.missing
    assert all(one.reason for one in fetched.missing)


def compare_links(job: Path, folder: Path, fetched: results.Fetched) -> None:
    """A link to a result leads to the same bytes here, and none leads out of the run's folder."""
    links = [
        Path(above, name) for above, folders, names in os.walk(folder) for name in (*folders, *names) if Path(above, name).is_symlink()
    ]
    assert all(real(one).is_relative_to(folder) for one in links if one.exists())
    for link in (one for one in job.iterdir() if one.is_symlink()):
        here = folder / link.name
        if link.is_file() and real(link).is_relative_to(job) and here.is_symlink():
            assert here.read_bytes() == link.read_bytes() or real(link).relative_to(job).as_posix() in SENT


def real(link: Path) -> Path:
    """Where it leads, also one that leads in a circle."""
    return Path(os.path.realpath(link))
