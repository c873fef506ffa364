"""Other people's clients, with each call that they make, at a site with our endpoint and at one with the real UNICORE/X.

pyunicore is unmodified, in an environment of its own. What Airflow's and the Virtual Brain's extensions ask is asked by programs of
`clients/`, in the order and the form that their sources have; the extensions themselves need a whole Airflow, a whole JupyterLab.
"""

import subprocess
from pathlib import Path

import pytest
from tests.contract.web import Web
from tests.foreign.conftest import BEFORE, CURRENT, TIMEOUT_S, Environments

pytestmark = [pytest.mark.site, pytest.mark.integration]

CLIENTS = Path(__file__).with_name("clients")
PROGRAMS = {"pyunicore_calls": (CURRENT, 16), "pyunicore_forwarder": (CURRENT, 2), "tvb_calls": (CURRENT, 5), "airflow_calls": (BEFORE, 8)}
"""Program → the client library that it calls, and how many steps it takes."""


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_call_of_a_client_is_answered(
    environments: Environments, web: Web, variables: dict[str, str], tmp_path: Path, program: str
) -> None:
    package, steps = PROGRAMS[program]
    registry, site = f"{web.base}/rest/registries/default_registry", web.base.rpartition("/")[2]
    command = (str(environments(package) / "python"), str(CLIENTS / f"{program}.py"), web.core, registry, site, web.place.username)
    token = web.ask("GET", "token?lifetime=600", headers={"Accept": "text/plain"}).text
    secrets = f"{web.place.password}\n{token}\n"
    said = subprocess.run(
        command, input=secrets, env=variables, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
    )
    lines = said.stdout.splitlines()
    assert [line for line in lines if line.startswith("FAILED")] == [], said.stdout + said.stderr
    assert sum(line.startswith("ok ") for line in lines) == steps, said.stdout + said.stderr
