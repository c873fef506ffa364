"""`submit: sbatch`: the run is one job on the login node, which calls `sbatch --wait`."""

from dataclasses import replace

from esd_deploy.backends.connection import JobState
from esd_deploy.backends.unicore import job as unicore_job
from esd_deploy.plans.run_job import spec
from esd_deploy.records.ending import batch_details, ending


def by_sbatch(planned):
    return replace(planned, site=planned.site.model_copy(update={"submit": "sbatch"}))


def test_the_job_runs_on_the_login_node_and_asks_nothing_of_unicore(planned):
    job = unicore_job.description(spec(by_sbatch(planned))).document()
    assert (job["Arguments"], job["Job type"]) == (["esd/enter.sh", "esd/submit.sh", "esd/pull.sh"], "ON_LOGIN_NODE")
    assert not {"Resources", "User precommand"} & job.keys()


def test_the_batch_script_asks_slurm_for_the_shape(planned):
    files = unicore_job.files(spec(by_sbatch(planned)))
    text = files[unicore_job.BATCH_FILE].decode()
    assert "#SBATCH --nodes=2\n#SBATCH --ntasks-per-node=1\n#SBATCH --cpus-per-task=4\n#SBATCH --time=00:10:00\n" in text
    assert text.endswith("exec bash esd/enter.sh esd/job.sh\n")
    assert "esd/submit.sh" in files
    assert "esd/submit.sh" not in unicore_job.files(spec(planned))


def test_what_slurm_said_of_the_batch_job_tells_how_it_ended():
    details = batch_details("JobId=7 JobName=esd JobState=TIMEOUT Reason=TimeLimit Dependency=(null) ExitCode=0:15\n")
    assert ending(JobState("FAILED", exit_code=1), details).kind == "time limit"


def test_an_sbatch_that_refuses_is_named():
    own = "submit on login: sbatch: error: Batch job submission failed: Requested node configuration is not available\n"
    assert ending(JobState("FAILED", exit_code=1), {}, own=own).kind == "not submitted"
