import pytest

from esd_build.errors import UsageError
from esd_deploy.launch import Shape
from esd_deploy.plan import Request, check, description, plan, staged


def test_the_description_of_a_container_job(planned):
    assert description(planned) == {
        "Name": "esdnet",
        "Tags": ["run-1"],
        "Executable": "bash",
        "Arguments": ["esd/job.sh"],
        "Environment": {
            "UCX_MAX_RNDV_RAILS": "1",
            "OMP_NUM_THREADS": "4",
            "ESD_IMAGE_REFERENCE": "oras://registry.example.org/esd/nest@sha256:" + "a" * 64,
            "ESD_IMAGE_SHA256": "b" * 64,
            "ESD_IMAGE_SIZE": "1000",
            "ESD_IMAGE_CACHE": "esd-images",
            "ESD_SCRATCH_VARIABLE": "SCRATCH",
            "ESD_APPTAINER": "singularity",
            "APPTAINER_QUIET": "1",
        },
        "Resources": {"Nodes": "2", "CPUsPerNode": "4", "Runtime": "600", "Queue": "batch", "Project": "brain"},
        "User precommand": "bash esd/pull.sh",
        "RunUserPrecommandOnLoginNode": "true",
        "haveClientStageIn": "true",
    }


def test_a_job_without_a_container_pulls_nothing(config, script):
    found = description(plan(Request(script), config, None, "run-1"))

    assert "User precommand" not in found
    assert found["Environment"] == {"UCX_MAX_RNDV_RAILS": "1", "OMP_NUM_THREADS": "1"}


def test_all_staged_files_are_known_by_name(planned):
    assert tuple(planned.files) == staged("net.py")
    assert planned.files["net.py"] == b"print('spikes')\n"


FAULTS = [
    ({"shape": Shape(9)}, "9 nodes asked for, a job gets at most 8"),
    ({"time_s": 3601}, "01:00:01 asked for, a job gets at most 01:00:00"),
]


@pytest.mark.parametrize(("fault", "message"), FAULTS)
def test_a_request_beyond_the_sites_limits(config, script, fault, message):
    with pytest.raises(UsageError, match=message):
        check(Request(script, **fault), config)


def test_a_site_without_modules_wants_an_image(config, script):
    with pytest.raises(UsageError, match="give --image"):
        check(Request(script), config.model_copy(update={"modules": ()}))


def test_a_missing_script_is_named(config, tmp_path):
    with pytest.raises(UsageError, match=r"no\.py: No such file"):
        check(Request(tmp_path / "no.py"), config)


def test_a_script_name_that_a_shell_would_change_is_refused(config, tmp_path):
    (tmp_path / "my net.py").touch()

    with pytest.raises(UsageError, match="my net"):
        check(Request(tmp_path / "my net.py"), config)
