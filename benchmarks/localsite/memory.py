"""Whether memory stays flat: one client asks a local site's endpoint again and again; the resident memory of both.

    esd-deploy local up --name flat --ci-speed
    .venv/bin/python benchmarks/localsite/memory.py --name flat [--rounds 1000] [--json FILE]

A round is one job on the login node, as esd-deploy has it: made, given a file, started, asked after, its folder listed, its output read,
removed. The first tenth warms up; flat is what does not grow after it.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

from load import endpoint_pid, watcher

from esd_deploy.backends.unicore.connection import UnicoreConnection
from esd_deploy.plans.job import JobSpec
from esd_deploy.sites.config import SiteConfig
from esd_deploy.sites.endpoint import Endpoint, resolve
from esd_localsite import lifecycle
from esd_localsite.state.layout import Layout

STEPS = 10


def site(name: str) -> tuple[SiteConfig, Endpoint]:
    """The local site's configuration and address."""
    limits = {"nodes": 2, "time_s": 600}
    words = {"name": "flat", "kind": "unicore", "description": "flat", "mpi": "pmix", "limits": limits, "status_file": Layout(name).status}
    config = SiteConfig.model_validate(words)
    return config, resolve(config)


def one_round(connection: UnicoreConnection, config: SiteConfig, number: int) -> bool:
    """One job from its making to its removal; whether it printed its own number."""
    script = f"echo job {number}\n".encode()
    spec = JobSpec(config, (f"flat-{number}",), f"flat{number}", "hello.sh", (("hello.sh", script),), "login")
    made = connection.script_job(spec)
    job = connection.create(made.description)
    for path, content in made.files.items():
        connection.upload(job, path, content)
    connection.start(job)
    while not connection.state(job).ended:
        time.sleep(0.05)
    connection.files(job)
    with connection.read(job, "stdout") as pieces:
        right = b"".join(pieces).split()[-2:] == [b"job", str(number).encode()]
    connection.delete(job)
    return right


def main() -> int:
    """Exit code 1 where a job was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default="local")
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--json", type=Path, help="write the figures there")
    chosen = parser.parse_args()
    client, server = watcher(os.getpid()), watcher(endpoint_pid(lifecycle.status(chosen.name)))
    config, endpoint = site(chosen.name)
    connection = UnicoreConnection.open(endpoint)
    rows, lost = [], 0
    for number in range(1, chosen.rounds + 1):
        lost += not one_round(connection, config, number)
        if number % max(1, chosen.rounds // STEPS) == 0:
            rows.append({"rounds": number, "client_mb": round(client(), 1), "endpoint_mb": round(server(), 1), "lost": lost})
            print(" | ".join(str(value) for value in rows[-1].values()), flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=2) + "\n")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
