"""NEST Server as a run, on one and two nodes of the local site: calls, a closed loop, every end, and what is left after each."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy
import pytest
from tests.sites.test_nothing_left import processes, soon

from esd_build.data.reference import ImageReference
from esd_build.product import finished
from esd_deploy.services.nest_client import Batch, NestClient, ServiceError
from esd_deploy.services.standing import client_of

pytestmark = pytest.mark.site
ROOT = Path(__file__).parents[2]
LOOP = ROOT / "examples" / "closed_loop"
WORD = "nest_server.py"
ONE_RANK_RAISES = """
import nest
neurons = nest.Create("iaf_psc_alpha", 10, {"I_e": 500.0})
nest.Connect(neurons, neurons)
def Run(t):
    raise MemoryError("no room")
if nest.Rank() == 1:
    object.__setattr__(nest, "Run", Run)
"""


@pytest.fixture(scope="module")
def image_of_the_service(registry):
    """Pushed as `nest-server:edge`."""
    place = ROOT / "dist" / "images" / "nest-server-edge.sif"
    if not place.is_file():
        pytest.skip("dist/images/nest-server-edge.sif is not built: make image IMAGE=nest-server")
    return registry.push(place, ImageReference.parse(f"{registry.host}/esd/nest-server:edge"), finished.read(place).labels)


@pytest.fixture
def idle(running_site):
    """All nodes are idle, and no process of a service is left."""

    def check():
        command = ("sinfo", "--noheader", "--Node", "--format=%T")
        environment = {**os.environ, "SLURM_CONF": str(running_site.slurm_conf)}

        def states():
            return set(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.split())

        soon(lambda: states() == {"idle"}, f"nodes are {states()}")
        assert processes(WORD) == []

    return check


@pytest.fixture
def served(deploy, image_of_the_service):
    """Starts a service; gives what the command told, as JSON. Those that are left are cancelled."""
    begun = []

    def begin(*options, code=0):
        done = deploy("serve", "nest-server", "--site", str(deploy.site_file), "--json", *options, code=code)
        if code:
            return done
        begun.append(json.loads(done.stdout))
        return begun[-1]

    yield begin
    for one in begun:
        if not json.loads(deploy("show", one["id"], "--json").stdout)["ending"]:
            deploy("cancel", one["id"])


def record(deploy, run_id):
    return json.loads(deploy("show", run_id, "--json").stdout)


def calling(deploy, one) -> NestClient:
    return client_of(deploy.folder(one), timeout_s=60)


@pytest.mark.parametrize("nodes", ["1", "2"])
def test_a_closed_loop_and_a_clean_stop(deploy, served, idle, nodes, tmp_path):
    one = served("--nodes", nodes, "--network", str(LOOP / "network.py"), "--time", "10m")

    assert (one["ranks"], one["reachable"]) == (int(nodes), True)
    folder = deploy.folder(one)
    loop = subprocess.run(
        (sys.executable, str(LOOP / "run.py"), str(folder), "--profile", str(tmp_path / "p.csv")),
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(loop.stdout)
    assert (found["ranks"], found["angle"] > 0.1) == (int(nodes), True), loop.stdout
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 51
    listed = json.loads(deploy("services", "--json").stdout)
    assert [(row["id"], row["url"]) for row in listed] == [(one["id"], one["url"])]

    deploy("stop", one["id"])

    ended = record(deploy, one["id"])
    assert (ended["status"], ended["exit_code"], ended["tags"], ended["ranks"]) == ("SUCCESSFUL", 0, ["service"], int(nodes))
    assert len(ended["image"]["nodes"]) == int(nodes)
    with numpy.load(folder / "recorders.npz") as saved:
        assert sum(name.endswith(".times") for name in saved) == 1
    assert json.loads(deploy("services", "--json").stdout) == []
    idle()


def test_the_token_is_nowhere_but_in_its_file(deploy, served, running_site):
    one = served("--time", "5m")
    folder = deploy.folder(one)
    token = (folder / "esd/service/token").read_text()

    assert (folder / "esd/service/token").stat().st_mode & 0o777 == 0o600
    for path in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                assert token.encode() not in (path / name).read_bytes(), path
            except OSError:
                continue
    assert token not in deploy("logs", one["id"]).stdout + deploy("logs", "--stderr", one["id"]).stdout
    deploy("stop", one["id"])
    for path in folder.rglob("*"):
        if path.is_file():
            assert token.encode() not in path.read_bytes(), path


def test_a_wrong_token_is_refused(deploy, served):
    one = served("--time", "5m")

    with NestClient(one["host"], one["port"], "x" * 43, timeout_s=20) as stranger, pytest.raises(ServiceError, match="403: Unauthorized"):
        stranger.call("ResetKernel")
    with calling(deploy, one) as owner:
        assert owner.about()["ranks"] == 1


def test_two_services_on_one_node_know_only_their_own_users(deploy, served):
    one, other = served("--time", "5m"), served("--time", "5m", "--env", "LOOP_NEURONS=1")
    mine = (deploy.folder(one) / "esd/service/token").read_text()

    with NestClient(other["host"], other["port"], mine, timeout_s=20) as stranger, pytest.raises(ServiceError, match="403"):
        stranger.about()
    with calling(deploy, other) as owner:
        assert owner.call("Create", "iaf_psc_alpha", 2).__len__() == 2


def test_a_rank_that_dies_ends_all_and_the_client_is_told(deploy, served, idle):
    one = served("--nodes", "2", "--time", "5m")
    ranks = [int(path.name) for path in Path("/proc").glob("[0-9]*") if is_rank(path, "1")]
    assert ranks

    with calling(deploy, one) as client:
        client.call("Create", "iaf_psc_alpha", 10)
        os.kill(ranks[0], 9)
        begun = time.monotonic()
        told = ask_until_it_fails(client)
        assert re.search("broke off|does not answer", told)
        assert time.monotonic() - begun < 20

    deploy("attach", one["id"], code=1)
    assert record(deploy, one["id"])["status"] == "FAILED"
    idle()


def ask_until_it_fails(client: NestClient) -> str:
    """The words of the failure."""
    try:
        for _ in range(1000):
            client.call("GetKernelStatus", "network_size")
            time.sleep(0.02)
    except ServiceError as error:
        return str(error)
    return ""


def run_until_it_ends(client: NestClient) -> tuple[int, str]:
    """How many steps it ran, and the words of the end."""
    steps = 0
    try:
        while True:
            client.call("Run", 20.0)
            steps += 1
    except ServiceError as error:
        return steps, str(error)


def is_rank(path: Path, rank: str) -> bool:
    """Whether this is Python with the launcher, of that rank."""
    try:
        line = (path / "cmdline").read_bytes().split(b"\0")
        return line[:2] == [b"python3", WORD.encode()] and f"SLURM_PROCID={rank}".encode() in (path / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def test_a_call_that_fails_on_one_rank_only(deploy, served):
    one = served("--nodes", "2", "--time", "5m")

    with calling(deploy, one) as client:
        client.call("Create", "iaf_psc_alpha", 4)
        with pytest.raises(ServiceError, match=r"SetStatus failed on rank \d of 2 .*Capacitance must be > 0"):
            client.run(Batch().add("SetStatus", [3], {"C_m": -1.0}).add("Simulate", 10.0))
        assert client.call("GetKernelStatus", "biological_time") == 0.0
        client.call("Simulate", 10.0)
        assert client.call("GetKernelStatus", "biological_time") == 10.0


def test_the_time_limit_in_mid_loop(deploy, served, idle):
    one = served("--nodes", "2", "--network", str(LOOP / "network.py"), "--time", "3m", "--save", "90", "--warn", "120")

    with calling(deploy, one) as client:
        client.call("Prepare")
        with pytest.warns(UserWarning, match="reaches its time limit"):
            steps, told = run_until_it_ends(client)

    assert steps > 10
    assert re.search("time limit of the job|broke off|does not answer", told)
    deploy("attach", one["id"])
    ended = record(deploy, one["id"])
    assert (ended["status"], ended["exit_code"]) == ("SUCCESSFUL", 0)
    folder = deploy.folder(one)
    assert "the time limit of the job comes near" in (folder / "stderr").read_text()
    with numpy.load(folder / "recorders.npz") as saved:
        [times] = [saved[name] for name in saved if name.endswith(".times")]
        assert 0 < times.max() <= 20.0 * (steps + 1)
    idle()


def test_cancel_in_mid_call_leaves_nothing(deploy, served, idle):
    one = served("--nodes", "2", "--network", str(LOOP / "network.py"), "--time", "5m")
    client = calling(deploy, one)
    failed = []

    def simulate():
        try:
            client.call("Simulate", 1e6)
        except ServiceError as error:
            failed.append(error)

    beside = threading.Thread(target=simulate)
    beside.start()
    time.sleep(2)

    deploy("cancel", one["id"])

    beside.join(60)
    assert len(failed) == 1
    deploy("attach", one["id"], code=1)
    idle()


def test_a_network_that_fails_is_told_by_serve_itself(deploy, served, idle, tmp_path):
    (tmp_path / "net.py").write_text("import nest\nnest.Create('nothing')\n")

    said = served("--nodes", "2", "--network", str(tmp_path / "net.py"), "--time", "5m", code=1).stderr

    assert "net.py: UnknownModelName" in said
    idle()


def test_a_rank_that_fails_while_others_wait_for_it_in_nest_ends_the_service(deploy, served, idle, tmp_path):
    (tmp_path / "net.py").write_text(ONE_RANK_RAISES)
    one = served("--nodes", "2", "--network", str(tmp_path / "net.py"), "--time", "5m")
    begun = time.monotonic()

    with calling(deploy, one) as client:
        client.call("Prepare")
        with pytest.raises(ServiceError, match=r"broke off|does not answer"):
            client.call("Run", 1000.0)

    assert time.monotonic() - begun < 50, "it has 30 s"
    deploy("attach", one["id"], code=1)
    assert "a call failed on rank 1 only, and the other ranks wait in NEST for it" in (deploy.folder(one) / "stderr").read_text()
    idle()
