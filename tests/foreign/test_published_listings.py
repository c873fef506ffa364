"""The published system's six listings with the unmodified clients, at a local site with each server, at its queue, and in the image.

The texts, and what is replaced in them, are in `tests/data/published`.
"""

import json
import subprocess
from pathlib import Path

import pytest
from testinfra.host import Host
from tests.contract.web import Web
from tests.foreign.conftest import CURRENT, TIMEOUT_S, Environments
from tests.foreign.test_published_queue_client import CLIENT
from tests.sites.conftest import publish, registry_of

from esd_localsite.state.status import SiteStatus

LISTINGS = Path(__file__).parents[1] / "data" / "published"
PROGRAM = Path(__file__).with_name("clients") / "published_listings.py"
NAMES = ("1-batch.txt", "2-submit.txt", "3-container.txt", "4-slurm.txt", "5-queue.txt", "6-nestml.txt")
PUBLISHED = (
    "unicore-registry.ebrains.eu/rest/registries/default_registry",
    "JUSUF",
    "docker-registry.ebrains.eu/hpc-containers/nest:25.04",
    "pspmix",
    "nmpi.SPINNAKER",
    "neuromorphic-demo",
    "icei-demo",
)
"""The names that differ at a local site."""
BATCH = "#!/bin/bash\n#SBATCH --nodes=1\npython3 network.py\n"
"""What listing 1 submits; the paper does not print it."""
NETWORK = """
import os
if os.environ.get("SLURM_PROCID", "0") == "0":
    import importlib.util
    where = "container" if os.environ.get("APPTAINER_CONTAINER") else "site"
    open("result.txt", "w").write(f"{where} {bool(importlib.util.find_spec('nest'))}\\n")
"""
QUEUED = """
import importlib, sys
sim = importlib.import_module("pyNN." + sys.argv[1].replace("spiNNaker", "nest"))
sim.setup(timestep=1.0)
cells = sim.Population(20, sim.IF_curr_exp(i_offset=1.0))
cells.record("spikes")
sim.run(100.0)
open("result.txt", "w").write(str(sum(len(one) for one in cells.get_data().segments[0].spiketrains) > 0))
"""
LEAKY = Path(__file__).parents[1] / "data" / "published" / "leaky_neuron.nestml"


def test_the_texts_are_those_that_the_table_names() -> None:
    """Each name of the table's left column is in a text, and each text has one: nothing else is replaced."""
    texts = {name: (LISTINGS / name).read_text() for name in NAMES}

    assert {name for name, text in texts.items() if replaced(text, {}) != text} == set(NAMES[:5])
    assert sorted(path.name for path in LISTINGS.glob("[0-9]-*")) == sorted(NAMES)


def replaced(text: str, names: dict[str, str]) -> str:
    """The text with the names of a local site in the place of the published ones."""
    for published in PUBLISHED:
        text = text.replace(published, names.get(published, "…"))
    return text


@pytest.mark.site
@pytest.mark.integration
def test_the_listings_of_the_sites_run(
    environments: Environments, either_site: SiteStatus, web: Web, image: Path, variables: dict[str, str], tmp_path: Path
) -> None:
    publish(registry_of(either_site), image)
    (tmp_path / "run_batch.slurm").write_text(BATCH)
    (tmp_path / "network.py").write_text(NETWORK)
    texts = local(either_site, web)
    (tmp_path / "run_container.slurm").write_text(texts["4-slurm.txt"])

    said = ran(environments(CURRENT) / "python", tmp_path, variables, {"texts": texts, "token": token_of(web)}, "site")

    assert said == ["batch SUCCESSFUL site False", "login SUCCESSFUL site False", "container SUCCESSFUL container True"]


@pytest.mark.site
@pytest.mark.integration
def test_the_listing_of_the_queue_runs(
    environments: Environments, quick_site: SiteStatus, image: Path, variables: dict[str, str], tmp_path: Path
) -> None:
    from tests.contract.conftest import place_of

    web = Web(place_of(quick_site))
    (tmp_path / "network.py").write_text(QUEUED)
    variables = {**variables, **dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), str(quick_site.ca_file))}
    addresses = {"job_service": quick_site.nmpi_url, "user_info_endpoint": f"{quick_site.oidc_url}/userinfo"}
    given = {"texts": local(quick_site, web), "token": issued(quick_site), "addresses": addresses}

    assert ran(environments(CLIENT) / "python", tmp_path, variables, given, "queue") == ["queue finished True"]


@pytest.mark.image
def test_the_listing_of_nestml_makes_a_model_that_fires(host: Host) -> None:
    text = (LISTINGS / "6-nestml.txt").read_text()
    code = f"""
import os, tempfile
os.chdir(tempfile.mkdtemp())
open("leaky_neuron.nestml", "w").write({LEAKY.read_text()!r})
exec({text!r})
import nest
nest.Install("leaky_module")
n, r = nest.Create("leaky_neuron"), nest.Create("spike_recorder")
nest.Connect(n, r)
nest.Simulate(200.0)
print(r.n_events)
"""
    done = host.run("cd /tmp && python3 -c %s", code)
    assert done.rc == 0, done.stdout
    assert int(done.stdout.strip().splitlines()[-1]) > 3


def local(site: SiteStatus, web: Web) -> dict[str, str]:
    """The six texts with this site's names."""
    registry = f"{web.base.removeprefix('https://')}/rest/registries/default_registry"
    names = {
        "unicore-registry.ebrains.eu/rest/registries/default_registry": registry,
        "JUSUF": web.base.rpartition("/")[2],
        "docker-registry.ebrains.eu/hpc-containers/nest:25.04": f"{site.registry}/esd/nest:edge",
        "pspmix": "pmix",
        "nmpi.SPINNAKER": '"Demo"',
        "neuromorphic-demo": "demo",
        "icei-demo": "icei-demo",
    }
    return {name: replaced((LISTINGS / name).read_text(), names) for name in NAMES}


def ran(python: Path, folder: Path, variables: dict[str, str], given: dict[str, object], part: str) -> list[str]:
    """What the program said, a line for each job. The token is in a file that only the user reads."""
    file = folder / "given.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(given))
    command = (str(python), str(PROGRAM), str(file), part)
    done = subprocess.run(command, env=variables, cwd=folder, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if line.split(" ")[0] in {"batch", "login", "container", "queue"}]


def token_of(web: Web) -> str:
    """A token of the server's own, as the listings' `token`."""
    return web.ask("GET", "token?lifetime=600", headers={"Accept": "text/plain"}).text


def issued(site: SiteStatus) -> str:
    """A token of the site's issuer, as the Lab gives one."""
    import httpx
    from tests.contract.conftest import place_of

    form = {"grant_type": "password", "username": site.username, "password": site.password_file.read_text().strip()}
    return str(httpx.post(f"{site.oidc_url}/token", data=form, verify=place_of(site).tls).json()["access_token"])
