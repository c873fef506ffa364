"""What airflow-unicore-integration 0.5.0 asks of a server: its operators' descriptions and reading, its executor's job and search.

By pyunicore 1.x, whose answers it reads: `raw()` is a context manager from 2.0 on.
"""

import json

from pyunicore.client import Client, Job, JobStatus
from pyunicore.credentials import UsernamePassword, create_credential
from steps import Place, run  # type: ignore[import-not-found]  # beside the script, which alone is run

SCRIPT = "default_script_from_job_description"
NAME = "dag - task - manual__2026-11-29T20:00:00+00:00 - 1"


def client(place: Place) -> Client:
    return Client(UsernamePassword(place.user, place.password), place.core)


def finished(job: Job) -> Job:
    job.poll()
    assert job.status is JobStatus.SUCCESSFUL, (job.properties["statusMessage"], job.properties["log"])
    assert job.properties["exitCode"] == "0"
    return job


def text(job: Job, name: str) -> str:
    return job.working_dir.stat(name).raw().read().decode("utf-8")


def connection_test(place: Place) -> None:
    assert client(place).access_info()
    assert Client(create_credential(token=place.token), place.core).access_info()["role"]["selected"] == "user"


def date_operator(place: Place) -> None:
    job = finished(client(place).new_job(job_description={"Name": "date", "Executable": "date"}, inputs=[]))
    assert text(job, "stdout")
    assert text(job, "stderr") == ""


def files_of_the_server(place: Place) -> None:
    """The operator shows the scripts that UNICORE made: it looks for their names in the folder."""
    job = finished(client(place).new_job(job_description={"Name": "files", "Executable": "date"}, inputs=[]))
    content = job.working_dir.contents()["content"]
    (script,) = [name for name in content if "/UNICORE_Job_" in name]
    (batch,) = [name for name in content if "bss_submit_" in name]
    assert "date" in text(job, script)
    assert text(job, batch).startswith("#!")


def script_operator(place: Place) -> None:
    """The executable is a file of the folder, which an import made; lines are a list, arguments and environment too."""
    description = {
        "Name": "script",
        "Executable": SCRIPT,
        "Arguments": ["one"],
        "Environment": ["GREETING=hello"],
        "Imports": [{"To": SCRIPT, "Data": ["#!/bin/bash", "echo $GREETING $1"]}],
        "Resources": {"Nodes": "1"},
        "Tags": ["airflow"],
        "Stdout": "stdout",
        "Job type": "batch",
    }
    assert text(finished(client(place).new_job(job_description=description, inputs=[])), "stdout") == "hello one\n"


def commands_before_and_after(place: Place) -> None:
    """Booleans as the operator takes them from Python."""
    description = {
        "Name": "around",
        "Executable": "cat before.txt",
        "User precommand": "bash -c 'echo before > before.txt'",
        "RunUserPrecommandOnLoginNode": True,
        "UserPrecommandIgnoreNonZeroExitCode": False,
        "User postcommand": "echo after > after.txt",
        "RunUserPostcommandOnLoginNode": False,
        "IgnoreNonZeroExitCode": False,
    }
    job = finished(client(place).new_job(job_description=description, inputs=[]))
    assert text(job, "stdout") == "before\n"
    assert text(job, "after.txt") == "after\n"


def executor_job(place: Place) -> None:
    """JSON in single quotes within the executable: quotes pair up, and that is all that makes it work."""
    workload = json.dumps({"token": "t", "ti": {"id": "1", "dag_id": "dag"}, "args": ["a b"]})
    description = {
        "Name": NAME,
        "Executable": f". airflow_config.env && . ./activate && python3 worker.py --json-string '{workload}'",
        "Environment": {"AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG"},
        "Imports": [
            {
                "To": "worker.py",
                "Data": "import os, sys\nprint(sys.argv[2], os.environ['AIRFLOW__CORE__MULTI_TEAM'], os.environ['READY'])\n",
            },
            {"To": "airflow_config.env", "Data": ["export AIRFLOW__CORE__MULTI_TEAM=True"]},
            {"To": "activate", "Data": ["export READY=yes"]},
            {"To": "precommand.sh", "Data": ["echo one > pre.txt", "echo two >> pre.txt"]},
            {"To": "postcommand.sh", "Data": ["cp pre.txt post.txt"]},
        ],
        "User precommand": "bash precommand.sh",
        "User postcommand": "bash postcommand.sh",
        "RunUserPrecommandOnLoginNode": "true",
        "Resources": {"Nodes": "1", "Runtime": "10m"},
    }
    job = finished(client(place).new_job(description))
    assert text(job, "/stdout") == f"{workload} True yes\n"
    assert text(job, "/post.txt") == "one\ntwo\n"


def a_task_is_found_by_its_name(place: Place) -> None:
    """The executor that was started anew goes through pages of fifty."""
    seen, offset = set(), 0
    while page := client(place).get_jobs(offset=offset, num=50):
        offset += len(page)
        seen |= {job.properties["name"] for job in page}
    assert NAME in seen


def terminate(place: Place) -> None:
    job = client(place).new_job({"Name": "long", "Executable": "sleep", "Arguments": ["600"]})
    job.abort()
    job.poll()
    assert job.status is JobStatus.FAILED


if __name__ == "__main__":
    run(
        *(connection_test, date_operator, files_of_the_server, script_operator, commands_before_and_after, executor_job),
        *(a_task_is_found_by_its_name, terminate),
    )
