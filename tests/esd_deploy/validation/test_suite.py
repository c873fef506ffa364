"""Selection, the job's scripts, and the remedies: what is computed before anything runs."""

from dataclasses import replace

import pytest
from tests.esd_deploy.validation.conftest import output

from esd_build.data.errors import UsageError
from esd_deploy.backends.unicore import job as unicore_job
from esd_deploy.plans import launch
from esd_deploy.validation import remedy
from esd_deploy.validation.plan import ValidationPlan, batch_script, login_script, time_for
from esd_deploy.validation.suite import CHECKS, Selection, all_steps, chosen, select, step_names, with_needs
from esd_deploy.validation.terms.step import Step
from esd_deploy.validation.terms.verdict import failed, passed


def names(checks):
    return {check.name for check in checks}


def test_the_quick_suite_neither_compiles_nor_measures():
    quick = names(select(Selection(quick=True)))

    assert {"wireup-nodes", "transport-nodes", "spikes", "leaks"} <= quick
    assert not {"nestml", "ratio", "start-up", "latency-node", "nest-testsuite"} & quick
    assert quick < names(select(Selection()))


def test_what_is_on_request_runs_only_when_it_is_named():
    assert "nest-testsuite" not in names(select(Selection(only=("nest",))))
    assert "nest-testsuite" in names(select(Selection(only=("nest-testsuite",))))


def test_a_tag_selects_its_checks_and_a_name_is_left_out():
    found = names(select(Selection(only=("transport",), skip=("transport-nodes",))))

    assert found == {"transport-node", "job"}


def test_a_check_brings_what_it_rests_on():
    found = names(with_needs(select(Selection(only=("transport-node",)))))

    assert {"wireup-node", "mpi", "start", "image", "plugin"} <= found
    assert "spikes" not in found


@pytest.mark.parametrize("selection", [Selection(only=("leafs",)), Selection(skip=("leafs",))])
def test_an_unknown_check_offers_the_nearest(selection):
    with pytest.raises(UsageError, match="did you mean 'leaks'"):
        select(selection)


def test_every_step_that_a_check_looks_at_exists_and_none_is_for_nothing(good):
    steps = {step.name for step in all_steps(good.site, 2)}

    assert steps == step_names(CHECKS)


def test_no_step_is_without_a_time_limit(good):
    assert all(step.limit_s > 0 for step in all_steps(good.site, 2))


def test_a_job_never_asks_for_more_time_than_the_site_gives(good):
    steps = all_steps(good.site, 2)

    assert time_for(steps, 60) == 60
    assert max(step.limit_s for step in steps if not step.login) < time_for(steps, 86400) < sum(step.limit_s for step in steps)


def test_the_scripts_are_what_one_would_type(good):
    steps = (Step("pull", ("bash", "esd/pull.sh"), 60, image=False, login=True), *chosen(all_steps(good.site, 2), ("plugins", "exit-code")))

    assert login_script(steps) == "# shellcheck shell=bash\nsource esd/step.sh\nstep pull 60 bash esd/pull.sh\nexit 0\n"
    clean = "\n".join(launch.prepare(good.site, contained=True))
    assert batch_script(good.site, steps) == (
        f"# shellcheck shell=bash\nsource esd/step.sh\n{clean}\nstep plugins 20 srun --mpi=list\n"
        "image_is_here && step exit-code 20 env OMP_NUM_THREADS=1 srun --wait=15 --relative=0 --kill-on-bad-exit=1 --mpi=pmix --nodes=1 "
        "--ntasks=1 --ntasks-per-node=1 --cpus-per-task=1 apptainer exec --sharens --bind /tmp esd/image.sif "
        "setsid --wait setpriv --pdeathsig KILL sh -c 'exit 7'\nexit 0\n"
    )


def test_a_step_is_launched_as_a_users_program_is(good):
    """Else the validation would be of something else: the container's part is the very one of a run."""
    wireup = chosen(all_steps(good.site.model_copy(update={"sharens": False}), 2), ("wireup-nodes",))[0]

    assert wireup.argv[-6:] == ("exec", "--bind", "/tmp", "esd/image.sif", "python3", "esd/ranks.py")


def test_the_description_holds_the_digest_and_no_secret(good):
    plan = ValidationPlan("id-1", good.site, good.image, 2, all_steps(good.site, 2), 600)
    description = unicore_job.description(plan.job).document()

    assert description["Tags"] == ["id-1"]
    assert description["Environment"]["ESD_IMAGE_REFERENCE"] == good.image.reference.oras
    assert description["Resources"] == {"Nodes": "2", "CPUsPerNode": "2", "Runtime": "600"}
    assert {"esd/step.sh", "esd/pull.sh", "esd/validate.sh", "esd/ranks.py"} <= dict(plan.job.files).keys()


EXCHANGED = "".join(
    f'{{"size": 4, "namespace": "user:[{node}]", "node": "c{node}"}}\n'
    f"[c{node}:1] mca: bml: Using sm btl for send to [[1,0],1] on node c{node}\n"
    for node in (1, 1, 2, 2)
)


def test_remedies_are_wanted_for_a_failed_wireup_only():
    assert remedy.wanted({"wireup-node": failed("x", "y")})
    assert not remedy.wanted({"wireup-node": passed("x"), "spikes": failed("x", "y")})


def test_remedies_start_with_the_least_change(good):
    site = good.site.model_copy(update={"environment": {"UCX_TLS": "tcp"}, "mpi": "pmix_v9", "binds": ()})
    changes = [found.change.splitlines()[0] for found in remedy.remedies(site, ("pmix", "none", "pmix_v4"))]

    assert changes[:5] == ["environment: remove UCX_TLS (tcp)", "mpi: pmix", "mpi: pmix_v4", "binds: [/tmp]", "sharens: false"]
    assert "environment: add PMIX_MCA_gds=hash" in changes


def test_each_remedy_brings_its_own_environment_and_nothing_of_the_others(good):
    site = good.site.model_copy(update={"environment": {"UCX_TLS": "tcp"}})
    steps = remedy.steps(remedy.remedies(site, ("pmix",)), 2)

    assert "UCX_TLS=tcp" not in steps[0].argv
    assert all("UCX_TLS=tcp" in step.argv for step in steps[1:])
    assert remedy.bare(site).environment == {}


def tried(good, *outputs):
    return replace(good, outputs=outputs)


def test_the_first_remedy_that_helps_is_proposed(good):
    found = remedy.remedies(good.site, ("pmix",))
    observed = tried(good, output("remedy-0", code=1), output("remedy-1", EXCHANGED), output("remedy-2", EXCHANGED))

    assert remedy.suggestion(found, observed).endswith(found[1].change)


@pytest.mark.parametrize(
    "stdout",
    [
        "",
        EXCHANGED.replace('"size": 4', '"size": 1'),
        EXCHANGED.replace("Using sm", "Using tcp"),
        EXCHANGED.replace('"user:[1]"', '"user:[7]"', 1),
    ],
)
def test_what_does_not_help_is_not_proposed(good, stdout):
    found = remedy.remedies(good.site, ())

    assert remedy.suggestion(found, tried(good, output("remedy-0", stdout))).startswith(f"none of {len(found)} known remedies")
