"""What the published client of the neuromorphic job queue (hbp-neuromorphic-platform) offers, call by call, unmodified.

Arguments: the queue's address, the issuer's address of user information. A token comes on standard input.
"""

import sys
from pathlib import Path

import nmpi  # type: ignore[import-not-found]  # in an environment of its own
from steps import Step  # type: ignore[import-not-found]  # beside the script, which alone is run

QUEUE, USER_INFO = sys.argv[1:3]
CODE = "import os, sys\nos.makedirs('out')\nopen('out/a.txt', 'w').write(sys.argv[1])\nprint('said')\n"
client = nmpi.Client(token=sys.stdin.read().strip(), job_service=QUEUE, user_info_endpoint=USER_INFO)
client.sleep_interval = 0.5


def refused(status: int, **options: object) -> None:
    said = ""
    try:
        client.submit_job("pass", **{"platform": "Demo", "collab_id": "demo", **options})
    except Exception as error:  # noqa: BLE001 - the client's own kind
        said = str(error)
    assert said.startswith(f"Error {status}: "), (options, said)


def server() -> None:
    assert client.get_server_info()["version"] == "3"


def submit_and_wait() -> None:
    job = client.submit_job(CODE, "Demo", "demo", tags=["beta", "alpha"], config={"timeout": 1}, wait=True)
    assert (job["status"], job["log"], job["tags"]) == ("finished", "said\n", ["alpha", "beta"]), job
    (path,) = client.download_data(job, "results")
    assert Path(path).read_text() == "nest"
    assert job["resource_uri"] in client.completed_jobs("demo")
    assert client.submit_comment(job["id"], "good")["content"] == "good"
    assert client.get_job(job["id"])["comments"][0]["content"] == "good"


def a_job_that_fails() -> None:
    job = client.submit_job("raise ValueError('no such network')", "Demo", "demo", wait=True)
    assert job["status"] == "error"
    assert "no such network" in job["log"]


def tags() -> None:
    uri = client.submit_job("pass", "Demo", "demo")
    assert client.add_tags(uri, ["zz", "aa"]) == ["aa", "zz"]
    client.remove_tags(uri, "zz")
    assert client.get_job(uri)["tags"] == ["aa"]


def waiting() -> None:
    uri = client.submit_job("import time; time.sleep(3)", "Demo", "demo")
    assert uri in client.queued_jobs()
    assert client.job_status(uri) in {"submitted", "running"}


def grants() -> None:
    assert "Demo" in {quota["platform"] for quota in client.quotas("demo")}
    (grant,) = client.resource_requests("demo")
    assert client.get_resource_request(grant["resource_uri"])["collab"] == "demo"


def refusals() -> None:
    refused(403, collab_id="no-quota")
    refused(404, collab_id="nowhere")
    refused(422, tags=["x"])


for step in (server, submit_and_wait, a_job_that_fails, tags, waiting, grants, refusals):
    with Step(step.__name__.replace("_", " ")):
        step()
