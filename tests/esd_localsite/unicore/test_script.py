import subprocess
from pathlib import Path

import pytest

from esd_localsite.description.description import parse_description
from esd_localsite.jobs.script import batch_script, command_script, login_script

FOLDER = Path("/u/j1")


def test_batch_script():
    job = parse_description(
        {
            "Name": "balanced",
            "Executable": "bash",
            "Arguments": ["esd/job.sh", "$SCRATCH/x"],
            "Environment": {"A": 'say "$HOME" `x`'},
            "User precommand": "module load x",
            "RunUserPrecommandOnLoginNode": "false",
            "Resources": {"Nodes": 2, "Runtime": "10m"},
        }
    )
    assert (
        batch_script("j1", job, FOLDER)
        == """\
#!/bin/bash
#SBATCH --job-name=balanced
#SBATCH --comment=j1
#SBATCH --chdir=/u/j1
#SBATCH --output=/u/j1/stdout
#SBATCH --error=/u/j1/stderr
#SBATCH --nodes=2
#SBATCH --time=10
umask 077
cd /u/j1 || exit 1
export A="say \\"$HOME\\" \\`x\\`"
(
module load x
)
(
bash esd/job.sh $SCRATCH/x
)
echo $? >UNICORE_SCRIPT_EXIT_CODE
"""
    )


@pytest.mark.parametrize("name", ["my-run", "my_run", "my run", "x\n#SBATCH --uid=0"])
def test_unusual_names_do_not_reach_slurm(name):
    assert "--job-name=UNICORE_job\n" in batch_script("j1", parse_description({"Name": name, "Executable": "date"}), FOLDER)


def test_login_script():
    job = parse_description({"Executable": "hostname", "Job type": "INTERACTIVE", "Stdout": "my out"})
    assert (
        login_script(job, FOLDER)
        == """\
#!/bin/bash
cd /u/j1 || exit 1
exec >'my out' 2>stderr
umask 077
cd /u/j1 || exit 1
(
hostname
)
echo $? >UNICORE_SCRIPT_EXIT_CODE
"""
    )


def test_command_script():
    job = parse_description({"Environment": {"A": "b"}, "Umask": "027"})
    assert (
        command_script("bash esd/pull.sh", job, FOLDER, ".UNICORE_PRE_0")
        == """\
#!/bin/bash
umask 027
cd /u/j1 || exit 1
exec >.UNICORE_PRE_0/stdout 2>.UNICORE_PRE_0/stderr
export A="b"
(
bash esd/pull.sh
)
echo $? >.UNICORE_PRE_0/UNICORE_SCRIPT_EXIT_CODE
"""
    )


@pytest.mark.integration
@pytest.mark.parametrize(("line", "code"), [("exit 7", "7"), ("true; false", "1"), ("kill -9 $BASHPID", "137"), ("echo x # it's", "0")])
def test_the_exit_code_is_recorded_whatever_the_line_does(tmp_path, line, code):
    (tmp_path / "p").mkdir()
    subprocess.run(("bash", "-c", command_script(line, parse_description({}), tmp_path, "p")), check=True)
    assert (tmp_path / "p" / "UNICORE_SCRIPT_EXIT_CODE").read_text() == f"{code}\n"
