"""Several batch jobs of one run, and one that Slurm begins again: claim.sh and inventory.sh, with a fake `squeue`."""

import importlib.resources
import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from esd_deploy.backends.inventory import HASHES, LIST, parse
from esd_deploy.plans.run_job import SCRIPTS

pytestmark = pytest.mark.integration
JOB = importlib.resources.files("esd_deploy") / "job"
OTHER_WORKS = 75


class Folder:
    """A job's folder; each batch job appends to `ran`."""

    def __init__(self, root: Path) -> None:
        self.root = root / "job"
        (self.root / "esd").mkdir(parents=True)
        for name in SCRIPTS:
            (self.root / "esd" / name).write_bytes((JOB / name).read_bytes())
        self.bin = root / "bin"
        self.bin.mkdir()
        self.queue("")
        self.program('echo "$SLURM_JOB_ID" >>ran')

    def program(self, line: str) -> None:
        steps = {"activate": "true", "prepare": "true", "spread": "true", "wireup": "true", "versions": "true", "program": line}
        (self.root / "esd" / "launch.sh").write_text("".join(f"{name}() {{ {line}; }}\n" for name, line in steps.items()))

    def step(self, name: str, lines: str) -> None:
        with (self.root / "esd" / "launch.sh").open("a") as file:
            file.write(f"{name}() {{\n{lines}\n}}\n")

    def queue(self, numbers: str) -> None:
        """What squeue tells of this run's batch jobs."""
        (self.bin / "squeue").write_text(f"#!/bin/bash\nprintf '{numbers}'\n")
        (self.bin / "squeue").chmod(0o755)

    def begin(self, number: int, **variables: str) -> "subprocess.Popen[bytes]":
        environment = {"PATH": f"{self.bin}:{os.environ['PATH']}", "SLURM_JOB_ID": str(number), "SLURM_JOB_NAME": "esdrun"}
        environment |= {"ESD_BATCH_NAME": "esdrun", **variables}
        # As Slurm does it: a job that it begins again finds its output emptied.
        with (self.root / "stdout").open("wb") as out, (self.root / "stderr").open("wb") as errors:
            return subprocess.Popen(("bash", "esd/job.sh"), cwd=self.root, env=environment, stdout=out, stderr=errors)

    def run(self, number: int, **variables: str) -> int:
        with self.begin(number, **variables) as process:
            process.communicate(timeout=60)
        return process.returncode

    def text(self, name: str) -> str:
        path = self.root / name
        return path.read_text() if path.exists() else ""


@pytest.fixture
def folder(tmp_path) -> Folder:
    return Folder(tmp_path)


def test_of_jobs_that_begin_at_once_exactly_one_works(folder):
    folder.program('echo "$SLURM_JOB_ID" >>ran; sleep 1')
    jobs = [folder.begin(number) for number in range(11, 19)]
    for job in jobs:
        job.communicate(timeout=60)

    codes = sorted(job.returncode for job in jobs)
    assert codes == [0] + [OTHER_WORKS] * 7
    winner = folder.text("ran").split()
    assert (len(winner), folder.text("esd/claim").split(), folder.text("esd/ended").split()) == (1, winner, [*winner, "0", "0"])


def test_the_job_that_was_submitted_last_works_where_the_queue_tells(folder):
    folder.queue("11\\n13\\n12\\n")

    assert [folder.run(11), folder.run(12), folder.run(13)] == [OTHER_WORKS, OTHER_WORKS, 0]
    assert folder.text("ran") == "13\n"
    assert folder.text("esd/jobs/11") == "gives way to 13\n"


def test_a_job_of_another_name_is_nobody_to_give_way_to(folder):
    folder.queue("99\\n")

    assert folder.run(11, SLURM_JOB_NAME="UNICORE_job") == 0


def test_a_late_job_ends_as_the_one_ended_that_worked(folder):
    folder.program('echo "$SLURM_JOB_ID" >>ran; (exit 7)')

    assert [folder.run(11), folder.run(12)] == [7, 7]
    assert folder.text("ran") == "11\n"


def test_a_late_job_obeys_the_end_of_the_run(folder):
    (folder.root / "esd" / "over").touch()

    assert folder.run(11) == OTHER_WORKS
    assert (folder.text("ran"), folder.text("esd/ended")) == ("", "11 0 75\n")


def test_a_job_that_slurm_begins_again_finds_its_folder_as_it_was(folder):
    (folder.root / "state.txt").write_text("1\n")
    folder.program("mkdir out && echo x >out/a && read -r n <state.txt && echo $((n + 1)) >state.txt")
    assert folder.run(11) == 0

    assert folder.run(11, SLURM_RESTART_COUNT="1") == 0

    assert folder.text("state.txt") == "2\n"
    assert (folder.text("esd/attempts/1/out/a"), folder.text("esd/attempts/1/state.txt")) == ("x\n", "2\n")
    assert (folder.text("esd/restarts"), folder.text("esd/ended")) == ("1\n", "11 1 0\n")


def test_what_the_first_attempt_printed_is_kept_where_its_node_died(folder):
    folder.program('echo "attempt ${SLURM_RESTART_COUNT:-0}"; echo trouble >&2; [ -n "${SLURM_RESTART_COUNT:-}" ] || sleep 60')
    first = folder.begin(11)
    for _ in range(200):
        if "attempt" in folder.text("esd/output/stdout") and folder.text("esd/output/stderr"):
            break
        time.sleep(0.05)
    first.kill()
    first.wait()

    assert folder.run(11, SLURM_RESTART_COUNT="1") == 0

    assert folder.text("stdout") == "attempt 1\n"
    assert folder.text("esd/attempts/1/stdout") == "attempt 0\n"
    assert folder.text("esd/attempts/1/stderr") == "trouble\n"
    assert not (folder.root / "esd" / "output").exists()


def test_more_than_is_kept_of_an_attempts_output_says_nothing_of_it(folder):
    folder.program("head -c 70000000 /dev/zero | tr '\\0' x; echo the last word >&2")

    assert folder.run(11) == 0

    assert folder.text("stderr") == "the last word\n"


UNANSWERED = """
n=$(cat asked 2>/dev/null || echo 0); echo $((n + 1)) >asked
if [ "$n" -lt %d ]; then
  echo 'srun: error: Unable to confirm allocation for job 11: Socket timed out on send/recv operation' >&2
  echo 'srun: Check SLURM_JOB_ID environment variable. Expired or invalid job 11' >&2
  (exit 1)
else %s; fi
"""


@pytest.mark.parametrize("step", ["program", "wireup"])
def test_a_step_that_the_controller_did_not_let_begin_is_begun_again(folder, step):
    folder.program("echo ran >>ran")
    folder.step(step, UNANSWERED % (2, "echo once >>began"))

    assert folder.run(11, ESD_ASK_S="0") == 0

    assert folder.text("began") == "once\n"
    crashes = [json.loads(line) for line in folder.text("esd/start-crashes.jsonl").splitlines()]
    assert crashes == [{"attempt": number, "reason": "no answer of the controller to srun"} for number in (1, 2)]
    assert "no rank has run; once more (2 of at most 5)" in folder.text("stderr")


def test_a_controller_that_never_answers_ends_the_job(folder):
    folder.program("true")
    folder.step("program", UNANSWERED % (99, "true"))

    assert folder.run(11, ESD_ASK_S="0") == 1
    assert folder.text("asked") == "6\n"


def test_a_program_that_spoke_is_not_begun_again_whatever_srun_says(folder):
    folder.program("true")
    folder.step("program", "echo 'rank 0 is here' >&2; " + UNANSWERED % (99, "true"))

    assert folder.run(11, ESD_ASK_S="0") == 1
    assert (folder.text("asked"), folder.text("esd/start-crashes.jsonl")) == ("1\n", "")


def test_what_cannot_be_read_keeps_no_other_from_being_noted(folder):
    folder.program("mkdir locked; touch good secret; ln -s /etc out; mkfifo pipe; printf x >$'caf\\xe9'; chmod 0 secret locked")

    assert folder.run(11) == 0

    found = parse((folder.root / LIST).read_bytes(), (folder.root / HASHES).read_bytes())
    kinds = {path: one.kind for path, one in found.entries.items() if not path.startswith("esd")}
    assert kinds == {"locked": "folder", "good": "file", "secret": "file", "out": "link", "pipe": "pipe", "caf\udce9": "file"}
    assert {"good", "caf\udce9"} <= found.hashes.keys()
    assert found.root == str(folder.root.resolve())


def test_a_folder_that_is_reached_by_a_link_has_its_real_name(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder.root)
    folder.program('printf %s "$PWD" >where')
    folder.root = tmp_path / "link"

    assert folder.run(11, PWD=str(tmp_path / "link")) == 0
    assert folder.text("where") == str((tmp_path / "job").resolve())
