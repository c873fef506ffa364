"""A sweep on a real site: submitted by one command, followed, shown in one table, and continued by the same command."""

import csv
import io
import json

import pytest

pytestmark = pytest.mark.site

PROGRAM = """
import json, os, sys
g, seed = (float(os.environ[f"ESD_PARAM_{name}"]) for name in ("g", "seed"))
assert sys.argv[1:] == [f"--g={os.environ['ESD_PARAM_g']}", f"--seed={os.environ['ESD_PARAM_seed']}"], sys.argv
json.dump({"product": g * seed}, open("metrics.json", "w"))
"""
SWEEP = ("--image", "nest:edge", "--tag", "small", "--param", "g=-1,4.5")


def test_a_sweep_is_followed_listed_and_enlarged(deploy, published, script):
    program = str(script(PROGRAM))
    words = ("submit", program, "--site", str(deploy.site_file), *SWEEP)
    first = deploy(*words, "--param", "seed=2").stdout.split()
    deploy("watch", "--tag", "small")

    more = deploy(*words, "--param", "seed=2..3")

    assert "4 runs: 2 submitted, 2 done already" in more.stderr
    assert more.stdout.split()[::2] == first
    deploy("watch", "--tag", "small")
    rows = list(csv.DictReader(io.StringIO(deploy("list", "--csv", "--tag", "small").stdout)))
    found = {(one["param.g"], one["param.seed"]): float(one["metric.product"]) for one in rows}
    assert found == {("-1", "2"): -2, ("4.5", "2"): 9, ("-1", "3"): -3, ("4.5", "3"): 13.5}
    deploy("delete", "--tag", "small")


def test_a_binding_reaches_slurm_and_the_record(deploy, published, script):
    one = deploy.run(
        script("import os; print(len(os.sched_getaffinity(0)))"), "--image", "nest:edge", "-c", "2", "--bind", "cores", "--exclusive"
    )

    assert (one["shape"]["bind"], one["shape"]["exclusive"], one["status"]) == ("cores", True, "SUCCESSFUL")
    assert (deploy.folder(one) / "stdout").read_text() == "2\n"
    again = json.loads(deploy("rerun", one["id"], "--json").stdout)
    assert again["shape"] == one["shape"]


def test_packages_are_installed_once_and_shared(deploy, with_bill, script, tmp_path):
    wanted = tmp_path / "requirements.txt"
    wanted.write_text("tabulate\nnumpy\n")
    program = script("import numpy, tabulate; print(tabulate.__file__); print(numpy.__file__)")

    one = deploy.run(program, "--image", "nest:edge", "--requirements", str(wanted))

    assert [*one["requirements"]["versions"]] == ["tabulate"]
    ours, theirs = (deploy.folder(one) / "stdout").read_text().splitlines()
    assert ours.startswith("/opt/esd-packages/")
    assert not theirs.startswith("/opt/esd-packages/")
    again = deploy("rerun", one["id"])
    assert "installing" not in again.stderr
