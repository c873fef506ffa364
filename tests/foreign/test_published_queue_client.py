"""The published client of the neuromorphic job queue, unmodified and in an environment of its own, at our queue and at the real one."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.foreign.conftest import TIMEOUT_S, Environments
from tests.real.own_queue import OwnQueue, own_queue
from tests.real.queue import RealQueue

pytestmark = pytest.mark.integration

CLIENT = "hbp-neuromorphic-platform==0.11.2"
PROGRAM = Path(__file__).with_name("clients") / "nmpi_calls.py"
STEPS = 7


@pytest.fixture
def own(tmp_path: Path) -> Iterator[OwnQueue]:
    folder = tmp_path / "queue"
    folder.mkdir()
    with own_queue(folder) as queue:
        yield queue


@pytest.fixture
def real(real_queue: RealQueue, machine: object) -> RealQueue:
    return real_queue


@pytest.mark.parametrize("which", ["own", "real"])
def test_every_call_is_answered(request: pytest.FixtureRequest, environments: Environments, tmp_path: Path, which: str) -> None:
    python, queue = environments(CLIENT) / "python", request.getfixturevalue(which)
    user_info, token = (
        (f"{queue.issuer}/userinfo", queue.token())
        if which == "own"
        else (f"{queue.keycloak.issuer}/protocol/openid-connect/userinfo", queue.keycloak.token())
    )
    trusts = dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), str(queue.ca_file))
    variables = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8", **trusts}  # it keeps tokens in HOME
    command = (str(python), str(PROGRAM), queue.url, user_info)
    done = subprocess.run(command, input=token, env=variables, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("FAILED")] == [], done.stdout + done.stderr
    assert sum(line.startswith("ok ") for line in lines) == STEPS, done.stdout + done.stderr
