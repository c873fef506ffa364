"""Scripts that fall into a known trap are warned of; all others are not."""

from dataclasses import replace

import pytest

from esd_build.registry import NEST_VERSION, PublishedImage
from esd_deploy.plans.plan import Plan
from esd_deploy.preflight import traps

TRAPPED = [
    "import nest\nnest.rng_seed = 7\nnest.local_num_threads = 4\n",
    "nest.SetKernelStatus({'rng_seed': 7})\nnest.SetKernelStatus({'local_num_threads': 4})\n",
    "nest.set(rng_seed=7)\nnest.set(local_num_threads=4)\n",
    "nest.rng_seed = 7\nnest.total_num_virtual_procs = 4\n",
    "def main():\n    nest.rng_seed = 7\n    nest.local_num_threads = 4\n",
]
FREE = [
    "nest.local_num_threads = 4\nnest.rng_seed = 7\n",
    "nest.rng_seed = 7\nnest.local_num_threads = 4\nnest.rng_seed = 7\n",
    "nest.SetKernelStatus({'rng_seed': 7, 'local_num_threads': 4})\n",
    "nest.rng_seed = 7\n",
    "nest.local_num_threads = 4\n",
    "this is not Python\n",
    "",
]


@pytest.mark.parametrize("text", TRAPPED)
def test_a_seed_before_the_threads_is_seen(text: str) -> None:
    assert traps.seed_before_threads(text.encode())


@pytest.mark.parametrize("text", FREE)
def test_other_orders_are_not(text: str) -> None:
    assert not traps.seed_before_threads(text.encode())


@pytest.fixture
def trapped(planned: Plan) -> Plan:
    return replace(planned, script=TRAPPED[0].encode())


def labelled(plan: Plan, nest: str) -> Plan:
    assert isinstance(plan.image, PublishedImage)
    return replace(plan, image=replace(plan.image, annotations={NEST_VERSION: nest}))


@pytest.mark.parametrize(("nest", "count"), [("3.4", 1), ("3.8", 0), ("3.10.0", 0)])
def test_the_image_says_which_nest_it_is(trapped: Plan, nest: str, count: int) -> None:
    said = traps.warned(labelled(trapped, nest), {})
    assert len(said) == count
    assert all(f"NEST {nest} then forgets the seed" in line and "set the number of threads first" in line for line in said)


def test_a_site_whose_modules_are_a_release_is_known_by_its_pins(trapped: Plan) -> None:
    module = replace(trapped, image=None, mode="module")
    assert len(traps.warned(module, {"NEST": "3.4"})) == 1
    assert traps.warned(module, {"NEST": "3.8"}) == []
    assert traps.warned(module, {}) == []


GENERATES = b"from pynestml.frontend.pynestml_frontend import generate_nest_target\ngenerate_nest_target('a.nestml', module_name='a')\n"


@pytest.mark.parametrize(
    ("nest", "nestml", "count"), [("3.8.0", "7.0.2", 1), ("3.8.0", "8.0.0", 0), ("3.4", "7.0.2", 0), ("3.8.0", None, 0), (None, "7.0.2", 0)]
)
def test_code_that_nestml_7_generates_for_a_newer_nest(planned: Plan, nest: str | None, nestml: str | None, count: int) -> None:
    pins = {} if nestml is None else {"NESTML": nestml}
    plan = replace(labelled(planned, nest or ""), script=GENERATES)
    assert len(traps.warned(plan, pins)) == count
    told = GENERATES.replace(b"='a')", b"='a', codegen_opts={'nest_version': 'master'})")
    assert traps.warned(replace(plan, script=told), pins) == []


def test_what_names_the_release(planned: Plan) -> None:
    assert isinstance(planned.image, PublishedImage)
    label = {"eu.ebrains.esd.environment": "24.10"}
    assert traps.environments(replace(planned, image=replace(planned.image, annotations=label))) == ["24.10"]
    assert traps.environments(replace(planned, image=replace(planned.image, annotations={}))) == []
    site = planned.site.model_copy(update={"modules": ("EBRAINS/23.02",)})
    assert traps.environments(replace(planned, image=None, mode="module", site=site)) == ["23.02"]


@pytest.mark.parametrize(
    ("text", "threads", "count"),
    [
        ("import nest\nnest.Simulate(1.0)\n", 2, 1),
        ("import json, nest as sim\n", 8, 1),
        ("import nest\nnest.Simulate(1.0)\n", 1, 0),
        ("import nest\nnest.local_num_threads = 2\n", 2, 0),
        ("import nest\nnest.set(total_num_virtual_procs=4)\n", 2, 0),
        ("import pyNN.nest as sim\nsim.setup(threads=2)\n", 2, 0),
        ("import numpy\n", 2, 0),
        ("import nest, (\n", 2, 0),
    ],
)
def test_threads_that_nest_is_never_told_of_are_told_to_the_user(planned: Plan, text: str, threads: int, count: int) -> None:
    said = traps.warned(replace(planned, script=text.encode(), shape=replace(planned.shape, threads=threads)), {})
    assert len(said) == count
    assert all("NEST ignores $OMP_NUM_THREADS" in line and f"not with {threads}." in line for line in said)
