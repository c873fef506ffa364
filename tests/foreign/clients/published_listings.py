"""The listings of the published system, one after the other, as the notebook that they are from would run them.

Arguments: a JSON file with `texts` (listing → its text, with the site's names in it), `token`, `addresses` of the queue, and `modules`.
Run by the Python of an environment that has the clients and nothing of this project.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

GIVEN: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
WAIT_S = 180


def run(*names: str, **known: object) -> dict[str, Any]:
    """The listings of these names in one namespace, as cells of a notebook share one."""
    space: dict[str, Any] = {"token": GIVEN["token"], **known}
    for name in names:
        exec(compile(GIVEN["texts"][name], name, "exec"), space)
    return space


def result_of(job: Any, name: str) -> str:
    """What the batch job wrote into the job's folder: `sbatch` alone does not wait for it."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        if f"/{name}" in job.working_dir.listdir("/") or name in job.working_dir.listdir("/"):
            content = job.working_dir.stat(name).raw()
            with content as stream:
                text = str(stream.read().decode())
            if text.endswith("\n"):
                return text.strip()
        time.sleep(1)
    raise AssertionError(f"no {name} after {WAIT_S} s: {job.working_dir.listdir('/').keys()}")


def at_a_site() -> None:
    """Listings 1 and 2, in batch and with `Job type: ON_LOGIN_NODE`; then 3 and 4 by 2."""
    batch = run("1-batch.txt", "2-submit.txt", inputs=["run_batch.slurm", "network.py"])
    print("batch", batch["job"].status.value, result_of(batch["job"], "result.txt"))
    described = run("1-batch.txt")["job_description"]
    described = {"Executable": described["Executable"], "Job type": "ON_LOGIN_NODE"}
    login = run("2-submit.txt", job_description=described, inputs=["run_batch.slurm", "network.py"])
    print("login", login["job"].status.value, result_of(login["job"], "result.txt"))
    contained = run("3-container.txt", "2-submit.txt", inputs=["run_container.slurm", "network.py"])
    print("container", contained["job"].status.value, result_of(contained["job"], "result.txt"))


def at_the_queue() -> None:
    """Listing 5."""
    found = run("5-queue.txt", addresses=GIVEN["addresses"])
    print("queue", found["job"]["status"], Path("results", "result.txt").read_text().strip())


for part in sys.argv[2:]:
    {"site": at_a_site, "queue": at_the_queue}[part]()
