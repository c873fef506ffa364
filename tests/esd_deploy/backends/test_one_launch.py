"""Whatever a job is for, at whichever site of the catalogue: it is activated, submitted and limited alike."""

import json
import re
from pathlib import Path

import httpx
import pytest
from tests.esd_deploy.conftest import exports

from esd_build.data import documents
from esd_build.data.errors import UsageError
from esd_build.data.reference import ImageReference
from esd_build.registry import PublishedImage
from esd_deploy.backends.nmpi.connection import NmpiConnection
from esd_deploy.backends.unicore import job as unicore_job
from esd_deploy.errands import errand
from esd_deploy.plans import launch, run_job
from esd_deploy.plans.launch import Shape
from esd_deploy.plans.limits import check_size, most, settled
from esd_deploy.plans.request import Request
from esd_deploy.records.record_parts import JobRecord
from esd_deploy.sites.config import Partition, SiteConfig
from esd_deploy.sites.endpoint import Credentials, Endpoint
from esd_deploy.validation.plan import ValidationPlan, time_for
from esd_deploy.validation.suite import all_steps

SITES = tuple(documents.load(path, SiteConfig, name=path.stem) for path in sorted(Path(__file__).parents[3].glob("site-configs/*.yaml")))
IMAGE = PublishedImage(ImageReference("r.example.org", "esd/nest", "edge", "sha256:" + "a" * 64), "sha256:" + "b" * 64, 1000, {})


def run(site, script, mode):
    request = Request(script, image="nest" if mode == "container" else None, mode=mode)
    return run_job.spec(request.checked(site).plan(IMAGE if mode == "container" else None, "run-1"))


def validation(site, _script):
    steps = all_steps(site, 1)
    return ValidationPlan("id-1", site, IMAGE, 1, steps, time_for(steps, most(site).time_s)).job


ON_COMPUTE = {
    "run, container": lambda site, script: run(site, script, "container"),
    "run, module": lambda site, script: run(site, script, "module"),
    "validate": validation,
    "probe, compute node": lambda site, _script: errand.of("probe.sh", site, place="compute"),
}
ON_LOGIN = {
    "run, login": lambda site, script: run(site, script, "login"),
    "probe, login node": lambda site, _script: errand.of("probe.sh", site),
    "images": lambda site, _script: errand.of("images.sh", site),
}
"""drift is a run; test_drift_is_a_run looks at that."""
KINDS = {**ON_COMPUTE, **ON_LOGIN}


@pytest.mark.parametrize("config", [site for site in SITES if site.kind == "nmpi"], ids=lambda site: site.name)
def test_a_queue_runs_no_shell_scripts_and_says_so(config):
    with pytest.raises(UsageError, match="runs no shell scripts"):
        NmpiConnection(Endpoint("https://queue.example.org", "", None, Credentials("t"), ""), httpx.Client()).script_job(
            errand.of("probe.sh", config)
        )


@pytest.fixture(params=[site for site in SITES if site.kind == "unicore"], ids=lambda site: site.name)
def site(request) -> SiteConfig:
    """A site of the catalogue as a caller uses it: with a budget, and not in the partition where jobs go by themselves."""
    config = request.param
    own = config.model_copy(
        update={"partitions": {**config.partitions, "short": Partition(nodes=1, time_s=200)}, "modules": config.modules or ("esd",)}
    )
    return settled(own, "short", "brain")


def words(found: object) -> list[str]:
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("submit", ["unicore", "sbatch"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_job_activates_the_project_first_wherever_its_scripts_run(site, script, kind, submit):
    job = unicore_job.job(KINDS[kind](site.model_copy(update={"submit": submit}), script))

    assert job.files["esd/site.sh"].decode().endswith(launch.site_file(site, {}).partition("read by enter.sh.\n")[2])
    if site.activation:
        assert b"-p brain" in job.files["esd/site.sh"]
    sent = job.description.document()
    lines = [" ".join(("bash", *words(sent["Arguments"]))), str(sent.get("User precommand", "bash esd/enter.sh"))]
    lines += [line for line in job.files.get("esd/batch.sh", b"").decode().splitlines() if line.startswith("exec ")]
    assert [line for line in lines if not re.match(r"(exec )?bash esd/enter\.sh", line)] == []
    staged = {word for line in lines for word in line.split() if word.startswith("esd/")}
    assert staged <= job.files.keys()


@pytest.mark.parametrize("kind", ON_COMPUTE)
def test_every_batch_job_asks_the_server_for_the_partition_and_the_budget(site, script, kind):
    spec = ON_COMPUTE[kind](site.model_copy(update={"submit": "unicore"}), script)
    found = unicore_job.job(spec).description.document()

    assert (found["Resources"]["Queue"], found["Resources"]["Project"]) == ("short", "brain")
    assert int(found["Resources"]["Runtime"]) <= 200
    assert "Job type" not in found
    assert found.get("RunUserPrecommandOnLoginNode", "true") == "true"


@pytest.mark.parametrize("kind", ON_COMPUTE)
def test_every_batch_job_of_a_site_with_sbatch_asks_slurm_for_them(site, script, kind):
    spec = ON_COMPUTE[kind](site.model_copy(update={"submit": "sbatch"}), script)
    job = unicore_job.job(spec)
    sent = job.description.document()

    assert sent["Job type"] == "ON_LOGIN_NODE"
    assert not {"Resources", "User precommand"} & sent.keys()
    assert sent["Arguments"] == ["esd/enter.sh", "esd/submit.sh", *((spec.before,) if spec.before else ())]
    lines = job.files["esd/batch.sh"].decode().splitlines()
    assert {"#SBATCH --partition=short", "#SBATCH --account=brain"} <= set(lines)
    assert lines[-1] == f"exec bash esd/enter.sh {spec.script}"


@pytest.mark.parametrize("kind", ON_LOGIN)
def test_what_runs_on_a_login_node_asks_for_nothing(site, script, kind):
    found = unicore_job.job(ON_LOGIN[kind](site, script)).description.document()

    assert (found["Job type"], "Resources" in found) == ("ON_LOGIN_NODE", False)


@pytest.mark.parametrize("kind", KINDS)
def test_every_job_has_the_sites_variables(site, script, kind):
    job = unicore_job.job(KINDS[kind](site, script))
    found = job.description.document()["Environment"]

    assert isinstance(found, dict)
    assert site.environment.items() <= exports(job.files).items()
    assert (found["ESD_SCRATCH_VARIABLE"], found["ESD_APPTAINER"]) == (site.scratch, site.apptainer)


@pytest.mark.parametrize("kind", ["run, container", "validate"])
def test_every_job_with_containers_keeps_the_hosts_software_out(site, script, kind):
    """The lines are tried in test_launch.py."""
    texts = [content.decode() for path, content in KINDS[kind](site, script).files if path in {"esd/launch.sh", "esd/validate.sh"}]

    assert [launch.keep_out(site)[0] in text for text in texts] == [True]


@pytest.mark.parametrize("kind", ["run, container", "validate"])
def test_every_container_sees_what_the_site_binds_also_by_a_variable(site, script, kind):
    own = site.model_copy(update={"binds": ("/tmp", "$WORK/x")})
    texts = [content.decode() for path, content in KINDS[kind](own, script).files if path in {"esd/launch.sh", "esd/validate.sh"}]

    assert ['--bind /tmp --bind "$WORK/x" esd/image.sif' in text for text in texts] == [True]


def test_a_partitions_limits_hold_for_every_kind(site, script):
    with pytest.raises(UsageError, match="2 nodes asked for, a job gets at most 1 \\(partition 'short'"):
        check_size(site, 2, None)
    with pytest.raises(UsageError, match="00:03:21 asked for, a job gets at most 00:03:20"):
        Request(script, image="nest", shape=Shape(1), time_s=201).checked(site)


@pytest.mark.parametrize("kind", KINDS)
def test_a_description_is_kept_as_it_is_sent(site, script, kind):
    made = unicore_job.job(KINDS[kind](site, script)).description
    kept = JobRecord(description=made)

    assert json.loads(kept.model_dump_json())["description"] == made.document() == kept.description.document()
    assert JobRecord.model_validate_json(kept.model_dump_json()) == kept
    assert (
        unicore_job.batch_names(kept.description, "https://u.example.org/X/rest/core/jobs/1"),
        unicore_job.sent_variable(kept.description, "ESD_APPTAINER"),
    ) == (
        (made.document()["Name"], "esd-1"),
        site.apptainer,
    )
