import subprocess
from pathlib import Path

import pytest

from esd_localsite.description.config import Partition
from esd_localsite.description.description import parse_description
from esd_localsite.records.script import Who, command_script, login_script, submit_script, user_script

FOLDER = Path("/u/j1")
WHO = Who("CN=me", lambda text: text.replace("$HOME", "/home/me").replace("$USER", "me"))
PARTITIONS = {"batch": Partition(max_nodes=2, max_runtime_s=3600)}
BALANCED = {
    "Name": "balanced",
    "Executable": "bash",
    "Arguments": ["esd/job.sh", "$SCRATCH/x", "'$USERX'"],
    "Environment": {"A": 'say "$HOME" `x`'},
    "User precommand": "module load x",
    "RunUserPrecommandOnLoginNode": "false",
    "Resources": {"Nodes": 2, "Runtime": "10m"},
}


def test_the_users_script_holds_what_the_user_wrote_as_it_is():
    job = parse_description(BALANCED)
    assert (
        user_script(job, job.resources.granted(PARTITIONS), FOLDER, WHO)
        == """\
#!/bin/bash -l
UC_NODES=2; export UC_NODES
UC_PROCESSORS_PER_NODE=-1; export UC_PROCESSORS_PER_NODE
UC_TOTAL_PROCESSORS=-1; export UC_TOTAL_PROCESSORS
UC_RUNTIME=600; export UC_RUNTIME
UC_MEMORY_PER_NODE=-1; export UC_MEMORY_PER_NODE
umask 0027
UC_USERDN="CN=me"; export UC_USERDN
PATH=$PATH:. ; export PATH
A="say "/home/me" `x`"; export A
UC_WORKING_DIRECTORY="/u/j1/"; export UC_WORKING_DIRECTORY
UC_OUTPUT_DIRECTORY="/u/j1/"; export UC_OUTPUT_DIRECTORY
cd ${UC_WORKING_DIRECTORY}
UC_EXECUTABLE="bash"; export UC_EXECUTABLE
chmod u+x "bash" 2> /dev/null 
rm -f ${UC_OUTPUT_DIRECTORY}/UNICORE_SCRIPT_EXIT_CODE
module load x
bash esd/job.sh $SCRATCH/x 'meX'

echo $? > ${UC_OUTPUT_DIRECTORY}/UNICORE_SCRIPT_EXIT_CODE
"""  # noqa: W291 - as it is there
    )


def test_the_script_for_sbatch():
    job = parse_description(BALANCED)
    assert (
        submit_script("j1", job, job.resources.granted(PARTITIONS), FOLDER, "UNICORE_Job_17")
        == """\
#!/bin/bash
#SBATCH --job-name=balanced
#SBATCH --comment=j1
#SBATCH --partition=batch
#SBATCH --nodes=2
#SBATCH --time=10
#SBATCH --output=/u/j1//stdout
#SBATCH --error=/u/j1//stderr
#SBATCH --chdir=/u/j1/
umask 0027
/u/j1//UNICORE_Job_17
"""
    )


@pytest.mark.parametrize("name", ["my-run", "my_run", "my run", "x\n#SBATCH --uid=0"])
def test_unusual_names_do_not_reach_slurm(name):
    job = parse_description({"Name": name, "Executable": "date"})
    assert "--job-name=UNICORE_job\n" in submit_script("j1", job, job.resources.granted({}), FOLDER, "x")


def test_login_script():
    job = parse_description({"Executable": "hostname", "Job type": "INTERACTIVE", "Stdout": "out", "Umask": "077", "Stdin": "in"})
    assert login_script(job, FOLDER, WHO).endswith(
        """\
cd ${UC_WORKING_DIRECTORY}
umask 077
UC_USERDN="CN=me"; export UC_USERDN
echo $$ > ${UC_OUTPUT_DIRECTORY}/UNICORE_SCRIPT_PID
UC_EXECUTABLE="hostname"; export UC_EXECUTABLE
chmod u+x "hostname" 2> /dev/null 
rm -f ${UC_OUTPUT_DIRECTORY}/UNICORE_SCRIPT_EXIT_CODE
hostname >> ${UC_OUTPUT_DIRECTORY}/out 2>> ${UC_OUTPUT_DIRECTORY}/stderr < ${UC_WORKING_DIRECTORY}/in

echo $? > ${UC_OUTPUT_DIRECTORY}/UNICORE_SCRIPT_EXIT_CODE
"""  # noqa: W291 - as it is there
    )


CODES = [("exit 7", None), ("true\nfalse", "1"), ("false\ntrue", "0"), ("true\nfalse\n", "0"), ("bash -c 'exit 7'", "7")]


@pytest.mark.integration
@pytest.mark.parametrize(("text", "code"), CODES)
def test_only_the_last_line_of_a_command_counts_and_an_exit_leaves_no_code(tmp_path, text, code):
    (tmp_path / ".UNICORE_PRE_0").mkdir()
    subprocess.run(("bash", "-c", command_script(text, "PRE", parse_description({}), tmp_path, WHO)), check=False)
    noted = tmp_path / ".UNICORE_PRE_0" / "PRE_0_UNICORE_SCRIPT_EXIT_CODE"
    assert (noted.read_text().strip() if noted.exists() else None) == code
