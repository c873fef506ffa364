"""pull.sh and job.sh as shell programs, with a fake `apptainer` on the PATH."""

import hashlib
import importlib.resources
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from esd_deploy.backends.unicore import names as unicore_names
from esd_deploy.runs.results import MANIFEST, parse_manifest

pytestmark = pytest.mark.integration
JOB = importlib.resources.files("esd_deploy") / "job"
IMAGE = b"a SIF file"
SHA256 = hashlib.sha256(IMAGE).hexdigest()

# Takes a moment, as a download does: others arrive meanwhile. Notes each call; gives what the test laid down as the registry's image.
APPTAINER = """#!/bin/bash
[ "$1 $2 $4" = "pull --disable-cache $ESD_IMAGE_REFERENCE" ] || { echo "unexpected: $*" >&2; exit 9; }
echo call >> "$FAKE/calls"
sleep 0.3
cp "$FAKE/image" "$3"
"""


class Login:
    """A login node with a scratch folder and a fake Apptainer."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "bin").mkdir()
        (root / "scratch").mkdir()
        (root / "image").write_bytes(IMAGE)
        self.fake("apptainer", APPTAINER)
        self.environment = {
            "PATH": f"{root / 'bin'}:{os.environ['PATH']}",
            "FAKE": str(root),
            "SCRATCH": str(root / "scratch"),
            "ESD_IMAGE_REFERENCE": "oras://registry.example.org/esd/nest@sha256:" + "a" * 64,
            "ESD_IMAGE_SHA256": SHA256,
            "ESD_IMAGE_SIZE": str(len(IMAGE)),
            "ESD_IMAGE_CACHE": "images",
            "ESD_SCRATCH_VARIABLE": "SCRATCH",
            "ESD_APPTAINER": "apptainer",
        }

    @property
    def cache(self) -> Path:
        return self.root / "scratch" / f"images-{os.getuid()}"

    @property
    def calls(self) -> int:
        path = self.root / "calls"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def fake(self, name: str, text: str) -> None:
        (self.root / "bin" / name).write_text(text)
        (self.root / "bin" / name).chmod(0o755)

    def job(self, name: str) -> Path:
        folder = self.root / name
        (folder / "esd").mkdir(parents=True)
        for script in (
            "enter.sh",
            "cache.sh",
            "pull.sh",
            "digest.sh",
            "job.sh",
            "claim.sh",
            "inventory.sh",
            "steps.sh",
            "wireup.sh",
            "crash.sh",
        ):
            (folder / "esd" / script).write_bytes((JOB / script).read_bytes())
        return folder

    def start(self, folder: Path, script: str = "pull.sh", *arguments: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        return subprocess.Popen(
            ("bash", f"esd/{script}", *arguments), cwd=folder, env=self.environment, stdout=pipe, stderr=pipe, text=True
        )

    def run(self, folder: Path, script: str = "pull.sh", *arguments: str) -> tuple[int, str]:
        with self.start(folder, script, *arguments) as process:
            _, errors = process.communicate(timeout=30)
        return process.returncode, errors


@pytest.fixture
def login(tmp_path) -> Login:
    return Login(tmp_path)


def leftovers(login: Login) -> list[str]:
    return [path.name for path in login.cache.iterdir() if path.suffix not in {".lock", ".sif"}]


def test_the_image_is_pulled_checked_and_linked(login):
    job = login.job("one")

    assert login.run(job) == (0, "")
    assert (job / "esd" / "image.sif").read_bytes() == IMAGE
    assert (job / "esd" / "image.sif").samefile(login.cache / f"{SHA256}.sif")
    assert json.loads((job / "esd" / "pull.json").read_text())["downloaded"] is True
    assert leftovers(login) == []


def test_an_image_that_is_there_is_not_pulled_again(login):
    login.run(login.job("one"))
    second = login.job("two")

    assert login.run(second) == (0, "")
    assert (login.calls, json.loads((second / "esd" / "pull.json").read_text())["downloaded"]) == (1, False)


def test_many_jobs_at_once_make_one_download(login):
    jobs = [login.job(str(number)) for number in range(4)]
    processes = [login.start(job) for job in jobs]

    assert [process.communicate(timeout=30) for process in processes] == [("", "")] * 4
    assert login.calls == 1
    assert [(job / "esd" / "image.sif").read_bytes() for job in jobs] == [IMAGE] * 4


NO_LOCKS = "#!/bin/bash\nexit 71\n"  # what flock(1) says where the disk answers ENOLCK


def test_on_a_disk_without_locks_many_jobs_make_one_download_all_the_same(login):
    login.fake("flock", NO_LOCKS)
    processes = [login.start(login.job(str(number))) for number in range(4)]

    said = [process.communicate(timeout=60)[1] for process in processes]

    assert [process.returncode for process in processes] == [0] * 4, said
    assert login.calls == 1
    assert all("has no file locks" in text for text in said)
    assert leftovers(login) == []


def test_a_lock_file_whose_owner_is_gone_is_taken_over(login):
    login.fake("flock", NO_LOCKS)
    login.run(login.job("first"))
    held = login.cache / f"{SHA256}.lock.held"
    held.write_text("elsewhere, process 1\n")
    os.utime(held, (held.stat().st_mtime - 400,) * 2)

    assert login.run(login.job("second"))[0] == 0
    assert not held.exists()


def test_of_many_jobs_that_see_one_stale_lock_one_takes_it_over(login):
    login.fake("flock", NO_LOCKS)
    login.cache.mkdir(mode=0o700)
    held = login.cache / f"{SHA256}.lock.held"
    held.write_text("elsewhere, process 1\n")
    os.utime(held, (held.stat().st_mtime - 400,) * 2)
    # All of them have seen the stale lock before one of them takes it over.
    login.fake("mkdir", f'#!/bin/bash\ncase $* in *.over) sleep 0.5 ;; esac\nexec {shutil.which("mkdir")} "$@"\n')
    processes = [login.start(login.job(str(number))) for number in range(4)]

    said = [process.communicate(timeout=120)[1] for process in processes]

    assert [process.returncode for process in processes] == [0] * 4, said
    assert login.calls == 1
    assert leftovers(login) == []


def test_a_damaged_image_is_pulled_anew(login):
    login.cache.mkdir()
    (login.cache / f"{SHA256}.sif").write_bytes(b"half")

    assert login.run(login.job("one"))[0] == 0
    assert (login.cache / f"{SHA256}.sif").read_bytes() == IMAGE


def test_what_a_killed_pull_left_is_removed(login):
    (login.cache / f".{SHA256}.killed").mkdir(parents=True)

    login.run(login.job("one"))

    assert leftovers(login) == []


FAULTS = {
    "wrong digest: the pulled image is sha256:": lambda login: (login.root / "image").write_bytes(IMAGE[::-1]),
    "has 3 bytes, the registry promised 10": lambda login: (login.root / "image").write_bytes(b"abc"),
    "failed: FATAL: no such image": lambda login: login.fake("apptainer", "#!/bin/sh\necho 'FATAL: no such image' >&2; exit 255\n"),
    "disk full: ": lambda login: login.fake("df", "#!/bin/sh\nprintf 'Avail\\n11\\n'\n"),
    "$SCRATCH is '', not a folder": lambda login: login.environment.pop("SCRATCH"),
    "no program 'nowhere'": lambda login: login.environment.update(ESD_APPTAINER="nowhere"),
}


@pytest.mark.parametrize("message", FAULTS)
def test_a_pull_that_fails_says_why_and_leaves_nothing(login, message):
    FAULTS[message](login)
    job = login.job("one")

    code, errors = login.run(job)

    assert (code, message in errors) == (1, True), errors
    assert (job / "esd" / "failure.txt").read_text() == errors
    assert not (job / "esd" / "image.sif").exists()
    assert not login.cache.exists() or leftovers(login) + list(login.cache.glob("*.sif")) == []


@pytest.mark.parametrize(
    ("activation", "code", "said"),
    [("export PROJECT=brain", 0, "script of brain, a b\n"), ("echo 'no such project'; false", 1, "the project could not be activated")],
)
def test_the_project_is_activated_before_any_script(login, activation, code, said):
    job = login.job("one")
    (job / "esd/site.sh").write_text(f"activate() {{ {activation}; }}\n")
    (job / "esd/own.sh").write_text('echo "script of $PROJECT, $1" >&2\n')

    found = login.run(job, "enter.sh", "esd/own.sh", "a b")

    assert (found[0], said in found[1]) == (code, True), found
    assert (job / "esd/failure.txt").exists() is bool(code)


def launch(job: Path, *, wireup: str = "true", versions: str = "true", program: str = "touch ran", prepare: str = "true") -> None:
    steps = {
        "prepare": prepare,
        "spread": "true",
        "digests": "true",
        "wireup": wireup,
        "versions": versions,
        "program": program,
    }
    (job / "esd" / "launch.sh").write_text("".join(f"{name}() {{ {line}; }}\n" for name, line in steps.items()))
    (job / "esd" / "image.sif").touch()


def test_the_programs_exit_code_is_the_jobs(login):
    job = login.job("one")
    launch(job, program="(exit 7)")

    assert login.run(job, "job.sh") == (7, "")


def test_the_hash_of_each_result_is_noted_whatever_its_name(login):
    job = login.job("one")
    names = ["a b", "-x", "line\nbreak", "$(id)", "größe", "sub/deep"]
    (job / "sub").mkdir()
    for name in names:
        (job / name).write_text(name)
    (job / "out").symlink_to("/etc/passwd")
    launch(job)

    assert login.run(job, "job.sh") == (0, "")

    noted = parse_manifest((job / MANIFEST).read_bytes())
    assert {name: noted[name] for name in names} == {name: hashlib.sha256(name.encode()).hexdigest() for name in names}
    assert not {"out", "stdout", "stderr", "esd/image.sif.part"} & noted.keys()


def test_results_whose_names_unicore_rewrites_get_links_of_other_names(login):
    job = login.job("one")
    half = os.fsdecode(b"half a character \xc3")
    names = ["x$HOME.txt", "$USER dir/two words ", "$LOGNAME\n", "it's", "back\\slash", "percent%20", half]
    (job / "$USER dir").mkdir()
    for name in names:
        (job / name).write_bytes(os.fsencode(name))
    launch(job)

    for _ in range(2):  # a second time, as after a restart of the job
        assert login.run(job, "job.sh") == (0, "")

    links = unicore_names.parse((job / unicore_names.LIST).read_bytes())
    assert {name: os.fsdecode((job / link.path).read_bytes()) for name, link in links.items()} == {name: name for name in names}
    assert {name: link.size for name, link in links.items()} == {name: len(name) for name in names}
    assert not [name for name in parse_manifest((job / MANIFEST).read_bytes()) if name.startswith(unicore_names.FOLDER)]


def test_unicores_own_files_are_not_noted(login):
    job = login.job("one")
    (job / "bss_submit_mine").touch()
    own = ["UNICORE_Job_17", "UNICORE_SCRIPT_PID", "UNICORE_ALLOCATION_ID", "TSI_submit_17", "bss_submit_17"]
    (job / "mine").mkdir()
    for name in [*own, "mine/UNICORE_Job_17"]:
        (job / name).touch()
    launch(job)

    assert login.run(job, "job.sh") == (0, "")

    noted = parse_manifest((job / MANIFEST).read_bytes())
    assert {"mine/UNICORE_Job_17", "bss_submit_mine"} <= noted.keys()
    assert not set(own) & noted.keys()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"wireup": "(exit 124)"}, "MPI wire-up hung"),
        ({"wireup": "(exit 1)"}, "MPI wire-up failed"),
        ({"prepare": "false"}, "modules could not be loaded"),
    ],
)
def test_a_program_is_not_started_where_the_ranks_would_not_find_each_other(login, fault, message):
    job = login.job("one")
    launch(job, **fault)

    code, errors = login.run(job, "job.sh")

    assert (code, message in errors, (job / "ran").exists()) == (1, True, False)


def test_an_image_that_the_node_does_not_see_is_named(login):
    job = login.job("one")
    launch(job)
    (job / "esd" / "image.sif").unlink()

    assert "not readable here" in login.run(job, "job.sh")[1]


def test_missing_versions_do_not_stop_the_program(login):
    job = login.job("one")
    launch(job, versions="false")

    assert login.run(job, "job.sh")[0] == 0
    assert (job / "ran").exists()


@pytest.mark.parametrize("known", [True, False])
def test_versions_are_asked_in_a_step_of_their_own_only_where_the_wireup_did_not_read_them(login, known):
    job = login.job("one")
    launch(job, wireup="echo '{}' >esd/versions.json" if known else "true", versions="touch asked")

    assert login.run(job, "job.sh")[0] == 0
    assert (job / "asked").exists() is not known
