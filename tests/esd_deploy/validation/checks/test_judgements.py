"""Judgements for which no fault was built: outputs of a good site, with one thing changed."""

import json
from dataclasses import replace

import pytest
from tests.esd_deploy.validation.conftest import output, recorded

from esd_deploy.validation.checks import container, leftovers
from esd_deploy.validation.checks import image as judge_image
from esd_deploy.validation.checks import mpi as judge_mpi
from esd_deploy.validation.checks import nest as judge_nest
from esd_deploy.validation.checks import performance as judge_performance
from esd_deploy.validation.checks import site as judge_site
from esd_deploy.validation.checks.performance import CONTAINERS, REPETITIONS


def node_says(change, key, value, step="node", node="c2"):
    """The recorded nodes, of which one says something else."""
    lines = change.observed.require(step).stdout.splitlines()
    new = [f"{node}\t{key}\t{value}" if line.startswith(f"{node}\t{key}\t") else line for line in lines]
    assert new != lines
    return change.output(step, stdout="\n".join(new))


def test_a_node_without_apptainer(change):
    found = judge_site.apptainer(node_says(change, "apptainer", ""))

    assert (found.outcome, "no program 'apptainer' on c2" in found.reason, "`apptainer`" in found.advice) == ("failed", True, True)


def test_an_apptainer_that_is_too_old_for_sharens(change):
    observed = node_says(change, "apptainer_version", "apptainer version 1.2.5-1.el8")

    assert judge_site.apptainer(observed).outcome == "failed"
    assert judge_site.apptainer(replace(observed, site=observed.site.model_copy(update={"sharens": False}))).outcome == "passed"


def test_a_node_without_user_namespaces_needs_setuid(change):
    refused = node_says(change, "namespaces", "unshare: unshare failed: Operation not permitted")

    assert judge_site.namespaces(refused).outcome == "failed"
    assert "Operation not permitted" in judge_site.namespaces(refused).reason
    stdout = refused.require("node").stdout.replace("c2\tsetuid\tno", "c2\tsetuid\tyes")
    assert judge_site.namespaces(replace(refused, outputs=(output("node", stdout),))).outcome == "passed"


@pytest.mark.parametrize("key", ["scratch_writable", "folder_writable", "tmp_writable"])
def test_a_folder_that_cannot_be_written(change, key):
    found = judge_site.scratch(node_says(change, key, "no"))

    assert (found.outcome, "c2" in found.reason) == ("failed", True)


def test_nodes_that_reach_the_registry_prove_nothing(change):
    assert container.network(node_says(change, "registry", "reached")).outcome == "skipped"


@pytest.mark.parametrize(
    ("key", "value", "word"),
    [("processes", "python3 prterun", "processes prterun"), ("zombies", "python3", "zombies"), ("shared_memory", "x.1", "shm")],
)
def test_what_is_left_on_a_node_is_named(change, key, value, word):
    found = leftovers.leftovers(node_says(change, key, value, step="node-after"))

    assert found.outcome == "failed"
    assert word in found.reason


def test_a_node_that_reads_another_image(change):
    found = judge_image.pulled(node_says(change, "image_sha256", "0" * 64))

    assert (found.outcome, "c2 reads sha256:000" in found.reason) == ("failed", True)


def test_a_pull_that_failed_tells_its_own_reason(change):
    found = judge_image.pulled(change.output("pull", code=1, stderr="pull on login: disk full: 3 MB free in /scratch\n"))

    assert (found.outcome, found.reason) == ("failed", "pull on login: disk full: 3 MB free in /scratch")


def test_another_architecture_is_another_processor(change):
    assert "c2 is aarch64" in judge_image.processor(node_says(change, "architecture", "aarch64")).reason


def test_an_image_that_does_not_say_its_processor_is_unknown(good):
    assert judge_image.processor(replace(good, image=replace(good.image, annotations={}))).outcome == "unknown"


def test_a_container_that_does_not_start(change):
    found = container.starts(change.output("start", code=255, stderr="FATAL: could not open image\nsrun: error: c1: task 0: Exited\n"))

    assert (found.outcome, found.reason) == ("failed", "`apptainer exec` ended with exit code 255: FATAL: could not open image")


def test_an_exit_code_that_is_lost(change):
    assert container.exit_code(change.output("exit-code", code=148)).outcome == "failed"


def inside(change, **values):
    lines = [json.loads(line) | values for line in change.observed.require("inside").stdout.splitlines() if line.startswith("{")]
    return change.output("inside", stdout="\n".join(json.dumps(line) for line in lines))


def test_a_promised_path_that_is_not_there(change):
    assert "/data is not visible" in container.binds(inside(change, binds={"/data": [False, False]})).reason


def test_apptainers_own_library_path_is_no_leak(change):
    assert container.leaks(inside(change, leaks={"LD_LIBRARY_PATH": "/.singularity.d/libs"})).outcome == "passed"
    assert container.leaks(inside(change, leaks={"LD_PRELOAD": "/usr/lib/libfoo.so"})).outcome == "failed"


def spikes(change, step, **values):
    line = next(line for line in change.observed.require(step).stdout.splitlines() if line.startswith("{"))
    return change.output(step, stdout=json.dumps(json.loads(line) | values))


@pytest.mark.parametrize(
    ("step", "values", "word"),
    [
        ("nest-threads", {"version": "3.8.0"}, "label says 3.10.0"),
        ("nest-threads", {"threads": 1}, "NEST has 1 and 1"),
        ("nest-ranks", {"ranks": 1}, "launched with 2 ranks, NEST counts 1"),
    ],
)
def test_nest_is_not_as_launched(change, step, values, word):
    found = judge_nest.nest(spikes(change, step, **values))

    assert (found.outcome, word in found.reason) == ("failed", True)


@pytest.mark.parametrize(("step", "values"), [("nest-ranks", {"sha256": "0" * 64}), ("nest-threads", {"count": 0})])
def test_spikes_that_differ_or_are_none(change, step, values):
    assert judge_nest.spikes(spikes(change, step, **values)).outcome == "failed"


def only(good, *outputs):
    return replace(good, outputs=outputs)


@pytest.mark.parametrize(
    ("stdout", "code", "outcome"),
    [
        ('{"missing": null, "spikes": 20}', 0, "passed"),
        ('{"missing": null, "spikes": 0}', 0, "failed"),
        ('{"missing": "the program c++", "spikes": null}', 0, "skipped"),
        ("", 1, "failed"),
    ],
)
def test_a_nestml_model(good, stdout, code, outcome):
    assert judge_nest.nestml(only(good, output("nestml", stdout, code=code))).outcome == outcome


@pytest.mark.parametrize(("spikes_", "code", "outcome"), [(35, 0, "passed"), (0, 0, "failed"), (35, 1, "failed")])
def test_pynn(good, spikes_, code, outcome):
    stdout = json.dumps({"version": "0.13.0", "spikes": spikes_})

    assert judge_nest.pynn(only(good, output("pynn", stdout, code=code))).outcome == outcome


@pytest.mark.parametrize(
    ("value", "own", "outcome"),
    [
        ("/opt/view/lib:/.singularity.d/libs", "/opt/view/lib", "passed"),
        ("/opt/view/lib:/cluster/lib", "/opt/view/lib", "failed"),
        ("/opt/view/lib", "", "failed"),
    ],
)
def test_what_the_image_sets_itself_is_no_leak(change, value, own, outcome):
    lines = [json.loads(line) for line in change.observed.require("inside").stdout.splitlines() if line.startswith("{")]
    new = [{**line, "leaks": {"LD_LIBRARY_PATH": value}, "own": {"LD_LIBRARY_PATH": own}} for line in lines]
    found = container.leaks(change.output("inside", stdout="\n".join(map(json.dumps, new))))

    assert found.outcome == outcome
    assert "/opt/view/lib" not in found.reason or not own


def pair(number, inside_s, bare_s):
    network = '{"build_s": 1.0, "simulate_s": %f, "rate_hz": 30}'
    pingpong = '{"ranks": 2, "latency_us": 1.0, "bandwidth_mb_s": 1000}'
    return (
        output(f"network-container-{number}", network % inside_s),
        output(f"network-bare-{number}", network % bare_s),
        output(f"pingpong-container-{number}", pingpong),
        output(f"pingpong-bare-{number}", pingpong),
    )


@pytest.mark.parametrize(
    ("ratios", "outcome"),
    [((1.0, 1.02, 0.98), "passed"), ((1.5, 1.4, 1.6), "failed"), ((1.5, 1.4, 0.9), "passed"), ((0.5, 0.6, 0.7), "passed")],
)
def test_the_container_against_bare_programs(good, ratios, outcome):
    outputs = [one for number, ratio in enumerate(ratios, 1) for one in pair(number, ratio * 4, 4.0)]

    found = judge_performance.ratio(only(good, *outputs))

    assert found.outcome == outcome
    assert {one.unit for one in found.measured} == {"x"}
    assert len(ratios) == REPETITIONS


def test_without_bare_programs_there_is_no_ratio(good):
    assert judge_performance.ratio(only(good, output("network-container-1", "{}"))).outcome == "unknown"


def test_speed_is_the_median_and_start_up_needs_all_its_series(good):
    outputs = [one for number, seconds in enumerate((3.0, 4.0, 9.0), 1) for one in pair(number, seconds, 4.0)]
    found = judge_performance.network(only(good, *outputs))
    assert {one.name: one.value for one in found.measured} == {"network construction": 1.0, "network simulation": 4.0}

    series = [f'{{"containers": {count}, "seconds": 1.5}}' for count in CONTAINERS]
    assert judge_performance.start_up(only(good, output("start-up", "\n".join(series)))).outcome == "passed"
    assert judge_performance.start_up(only(good, output("start-up", series[0]))).outcome == "unknown"


def test_a_ping_pong_that_failed_is_not_measured(good):
    assert (
        judge_performance.latency_node(only(good, output("pingpong-node", code=1, stderr="pingpong: one rank alone"))).outcome == "unknown"
    )


def under_pspmix(observed):
    """The same outputs as ParaStation's server gives them."""
    changed = tuple(replace(one, stdout=one.stdout.replace("slurm.pmix.", "pspmix_")) for one in observed.outputs)
    return replace(observed, outputs=changed)


def test_the_server_is_named_and_the_store_that_was_chosen(good, change):
    assert judge_mpi.pmix(good).reason.startswith("server Slurm's 4.2")
    inside = change.observed.require("inside").stdout.replace(
        '"pmix_namespace": "slurm.pmix.', '"pmix_store": "hash", "pmix_namespace": "pspmix_'
    )
    found = judge_mpi.pmix(change.output("inside", stdout=inside))
    assert found.reason.startswith("server pspmix 4.2")
    assert found.reason.endswith("of which hash")


def test_under_pspmix_no_setting_of_the_file_is_promised_to_share_memory():
    found = judge_mpi.user_namespace(under_pspmix(recorded("no-sharens")))
    assert (found.outcome, "ParaStation gives each rank a parent of its own" in found.reason) == ("failed", True)
    assert "sharens: true" not in found.advice


def test_two_ranks_of_nest_are_two_on_one_node_as_well(good):
    assert judge_nest.nest(replace(good, nodes=1)).outcome == "passed"
