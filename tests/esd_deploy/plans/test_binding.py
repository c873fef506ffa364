"""Where ranks sit and which GPUs they get: on the command lines, in what the batch system is asked for, in the record."""

from dataclasses import replace

import pytest
from tests.esd_deploy.conftest import prepared

from esd_build.data.errors import UsageError
from esd_deploy.backends.unicore import job as unicore_job
from esd_deploy.commands.shared import words
from esd_deploy.plans import launch, run_job
from esd_deploy.plans.launch import Shape
from esd_deploy.plans.request import Request
from esd_deploy.runs import rerun
from esd_deploy.sites.config import Binding, Partition

SAID = Binding(bind="cores", ranks_per_socket=1, exclusive=True)


@pytest.fixture
def with_gpus(config):
    return config.model_copy(
        update={
            "gpu": "nvidia",
            "gpu_resource": "GPUS",
            "partition": "booster",
            "partitions": {"booster": Partition(gpus=4), "batch": Partition()},
        }
    )


def plan_of(config, image, script, shape, **options):
    return Request(script, (), "nest", shape, **options).checked(config).plan(image, "run-1")


def test_a_binding_is_on_the_line_of_the_program_and_of_the_check_before_it(config, image, script):
    plan = plan_of(config, image, script, Shape(2, 2, 4, binding=SAID))

    assert plan.launch.srun[-2:] == ("--cpu-bind=cores", "--ntasks-per-socket=1")
    assert launch.wireup(plan.site, plan.shape, contained=True).srun[-2:] == plan.launch.srun[-2:]


def test_nothing_said_adds_nothing(config, image, script):
    plan = plan_of(config, image, script, Shape(2, 2, 4))

    assert plan.launch.srun[-1] == "--cpus-per-task=4"
    assert "Exclusive" not in unicore_job.description(run_job.spec(plan)).document()["Resources"]


@pytest.mark.parametrize(
    ("own", "said", "found"),
    [
        ({"bind": "cores"}, {}, {"bind": "cores"}),
        ({"bind": "cores", "exclusive": True}, {"bind": "none"}, {"bind": "none", "exclusive": True}),
        ({"bind": "cores"}, {"hint": "nomultithread"}, {"hint": "nomultithread"}),
        ({"hint": "nomultithread"}, {"bind": "sockets"}, {"bind": "sockets"}),
        ({"ranks_per_socket": 1}, {"exclusive": True}, {"ranks_per_socket": 1, "exclusive": True}),
    ],
)
def test_a_site_has_defaults_that_the_caller_replaces(config, image, script, own, said, found):
    site = config.model_copy(update={"binding": Binding(**own)})

    assert plan_of(site, image, script, Shape(binding=Binding(**said))).shape.binding == Binding(**found)


def test_gpus_are_asked_for_shown_inside_and_given_to_the_ranks(with_gpus, image, script):
    plan = plan_of(with_gpus, image, script, Shape(2, 4, gpus=4))

    assert "--gpus-per-node=4" in plan.launch.srun
    assert plan.launch.container[:4] == ("singularity", "exec", "--sharens", "--nv")
    assert unicore_job.description(run_job.spec(plan)).document()["Resources"]["GPUS"] == "4"
    amd = with_gpus.model_copy(update={"gpu": "amd"})
    assert "--rocm" in plan_of(amd, image, script, Shape(gpus=1)).launch.container


def test_a_site_that_calls_sbatch_asks_slurm(with_gpus, image, script):
    site = with_gpus.model_copy(update={"gpu_resource": None, "submit": "sbatch"})
    plan = plan_of(site, image, script, Shape(gpus=2, binding=Binding(exclusive=True)))

    lines = unicore_job.job(run_job.spec(plan)).files["esd/batch.sh"].decode().splitlines()
    assert {"#SBATCH --gpus-per-node=2", "#SBATCH --exclusive"} <= set(lines)


def test_whole_nodes_are_asked_of_the_server(config, image, script):
    plan = plan_of(config, image, script, Shape(binding=SAID))

    assert unicore_job.description(run_job.spec(plan)).document()["Resources"]["Exclusive"] == "true"


@pytest.mark.parametrize(
    ("changes", "gpus", "message"),
    [
        ({"gpu": None, "partitions": {}, "partition": None}, 1, "site 'valid' has none; `gpu`"),
        ({}, 5, "partition 'booster' of site 'valid' has 4 in a node"),
        ({"partition": "batch"}, 2, "has 0 in a node; take --partition booster"),
        ({"gpu_resource": None}, 1, "does not reach Slurm; name the one of site 'valid' by `gpu_resource`"),
    ],
)
def test_gpus_that_a_job_would_not_get_are_refused(with_gpus, image, script, changes, gpus, message):
    with pytest.raises(UsageError, match=message):
        plan_of(with_gpus.model_copy(update=changes), image, script, Shape(gpus=gpus))


@pytest.mark.parametrize("shape", [Shape(gpus=1), Shape(binding=Binding(hint="nomultithread"))])
def test_a_login_node_has_no_gpus_and_no_binding(with_gpus, script, shape):
    with pytest.raises(UsageError, match="--mode login has no batch job"):
        Request(script, shape=shape, mode="login").checked(with_gpus)


def test_a_run_again_sits_as_it_sat(with_gpus, image, script, tmp_path):
    plan = plan_of(with_gpus, image, script, Shape(1, 2, gpus=2, binding=SAID))
    known = prepared(plan, tmp_path / "run-1")

    again = rerun.plan(known, tmp_path / "run-1", with_gpus.model_copy(update={"binding": Binding(bind="none")}))

    assert again.shape == plan.shape
    assert (known.shape.gpus, known.shape.bind, known.shape.exclusive) == (2, "cores", True)
    assert replace(again, run_id="run-1").launch == plan.launch


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"bind": "core"}, "did you mean 'cores'"),
        ({"hint": "fast"}, "unknown --hint"),
        ({"bind": "cores", "hint": "nomultithread"}, "one of them"),
    ],
)
def test_words_that_slurm_does_not_know_are_refused(said, message):
    with pytest.raises(UsageError, match=message):
        words.binding(**said)
