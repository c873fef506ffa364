"""Another user of the same Slurm: whatever they write into their jobs, it cancels, ends and tells nothing of ours."""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from esd_localsite.errors import LocalSiteError
from esd_localsite.jobs.batch import BatchError, Slurm, Submission
from esd_localsite.supervision.health import judge_node

INVALID = "slurm_load_jobs error: Invalid job id specified"
MINE = "6781e96a-387f-4f5b-bfed-fa554dd9704f"


@dataclass
class Shell:
    """An account whose programs answer what they are told to; notes which account gave which order."""

    name: str
    answers: dict[str, str] = field(default_factory=dict)
    orders: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    uid: int = 1000

    def run(self, argv, *, environment, cwd, timeout):
        self.orders.append((self.name, tuple(argv)))
        found = next((text for key, text in self.answers.items() if all(word in " ".join(argv) for word in key.split())), "")
        if found == INVALID:
            return subprocess.CompletedProcess(argv, 1, "", f"{found}\n")
        return subprocess.CompletedProcess(argv, 0, found, "")


def slurm(root: Shell) -> Slurm:
    return Slurm(root, {}, 5)


def test_a_comment_with_line_breaks_is_no_answer_about_another_job():
    listed = f"7|hello\n4711|{MINE}\n999|{MINE}\n8|{MINE}\n"
    alone = {"jobs=8 %k": f"{MINE}\n", "jobs=4711 %k": INVALID, "jobs=999 %k": "hello\n"}
    owner = Shell("ada", {"squeue %i|%k": listed, **alone})
    assert slurm(Shell("root")).find(MINE, owner) == "8"
    assert all("--user=ada" in order for _, order in owner.orders)


def test_a_comment_that_goes_on_behind_the_right_one_is_not_the_right_one():
    owner = Shell("ada", {"squeue %i|%k": f"8|{MINE}\n9|x\n", "jobs=8 %k": f"{MINE}\n9|x\n"})
    assert slurm(Shell("root")).find(MINE, owner) is None


def test_the_queue_is_asked_for_nothing_that_a_user_can_word():
    root = Shell("root", {"squeue": "17|RUNNING\n18|COMPLETED\n"})
    assert slurm(root).words(["17", "18", "19"]) == {"17": "RUNNING", "18": "COMPLETED", "19": "GONE"}
    ((name, order),) = root.orders
    assert (name, order[0], order[-1]) == ("root", "squeue", "--format=%i|%T")


def test_a_job_is_cancelled_by_its_owner_and_by_nobody_else():
    root, owner = Shell("root"), Shell("ada")
    slurm(root).cancel("17", owner)
    slurm(root).details("17", owner)
    assert root.orders == []
    assert owner.orders[0] == ("ada", ("scancel", "--quiet", "--user=ada", "17"))


@pytest.mark.parametrize("text", ["", "--user=root", "1 2", "1\n2", "17,18", "-", "../1", "9" * 40])
def test_what_is_no_id_is_not_given_to_slurm(text):
    root, owner = Shell("root"), Shell("ada", {"sbatch": text})
    for ask in (slurm(root).cancel, slurm(root).details):
        with pytest.raises(BatchError, match="no id"):
            ask(text, owner)
    with pytest.raises(BatchError, match="no id"):
        slurm(root).submit(Submission(owner, MINE, "/tmp/script", Path("/tmp"), "stdout", "stderr"))


BREAKS = ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
"""What `splitlines` takes for the end of a line, although Slurm does not."""


@pytest.mark.parametrize("end", BREAKS)
def test_no_end_of_line_in_a_comment_makes_another_job_mine(end):
    for comment in (f"x{end}4711|{MINE}", f"{MINE}{end}4711|{MINE}", f"{MINE}|{end}", f"4711|{MINE}{end}"):
        owner = Shell("ada", {"squeue %i|%k": f"7|{comment}\n", "jobs=4711 %k": INVALID, "jobs=7 %k": f"{comment}\n"})
        assert slurm(Shell("root")).find(MINE, owner) is None


@pytest.mark.parametrize("end", BREAKS)
@pytest.mark.parametrize("text", ["18|COMPLETED", "*|COMPLETED", "18|COMPLETED|x", "18_[1-9]|COMPLETED x", "\u0661\u0668|COMPLETED"])
def test_no_word_beside_a_state_is_a_state(end, text):
    """Nothing that a user words is asked for; where a tool prints more than it was asked for, such a line counts for nothing."""
    root = Shell("root", {"squeue": f"17|RUNNING name{end}|{text} \n18|RUNNING\n"})
    assert slurm(root).words(["18"]) == {"18": "RUNNING"}


NAMES = ["x JobState=COMPLETED ExitCode=0:0", "x\nJobId=1 JobState=FAILED", "JobState=COMPLETED", "=", "a=b=c", " \u2028JobState=FAILED"]


@pytest.mark.parametrize("name", NAMES)
def test_what_a_job_is_called_says_nothing_about_another_job(name):
    """Details are the owner's own: one job is asked for, as its owner; a state that decides comes from the queue."""
    owner = Shell("ada", {"scontrol": f"JobId=17 JobName={name} UserId=ada(1000) JobState=RUNNING Comment={name}\n"})
    root = Shell("root", {"squeue": "17|RUNNING\n"})
    told = slurm(root).details("17", owner)
    assert told["JobId"] in {"17", "1"}
    assert slurm(root).words(["17"]) == {"17": "RUNNING"}
    assert owner.orders == [("ada", ("scontrol", "--oneliner", "show", "job", "17"))]


@pytest.mark.parametrize("reason", ["x|idle", "Duplicate jobid|idle", "none\nidle|none", "\x1b[2J", "|||"])
def test_a_reason_does_not_make_a_drained_node_usable(reason):
    with pytest.raises(LocalSiteError, match="drained"):
        judge_node(f"drained|{reason}")
