import pytest
from tests.esd_deploy.conftest import exports

from esd_build.data.errors import UsageError
from esd_deploy.backends.unicore.job import description, files
from esd_deploy.inputs import program
from esd_deploy.inputs.variables import with_variables
from esd_deploy.plans.launch import Shape
from esd_deploy.plans.request import Request
from esd_deploy.plans.run_job import spec


def test_the_description_of_a_container_job(planned):
    assert description(spec(planned)).document() == {
        "Name": "esdrun1",
        "Tags": ["run-1"],
        "Executable": "bash",
        "Arguments": ["esd/enter.sh", "esd/job.sh"],
        "Environment": {
            "ESD_IMAGE_REFERENCE": "oras://registry.example.org/esd/nest@sha256:" + "a" * 64,
            "ESD_IMAGE_SHA256": "b" * 64,
            "ESD_IMAGE_SIZE": "1000",
            "ESD_IMAGE_CACHE": "esd-images",
            "ESD_SCRATCH_VARIABLE": "SCRATCH",
            "ESD_APPTAINER": "singularity",
            "APPTAINER_QUIET": "1",
            "ESD_BATCH_NAME": "esdrun1",
        },
        "Resources": {"Nodes": "2", "CPUsPerNode": "4", "Runtime": "600", "Queue": "batch", "Project": "brain"},
        "User precommand": "bash esd/enter.sh esd/pull.sh",
        "RunUserPrecommandOnLoginNode": "true",
        "haveClientStageIn": "true",
    }


def test_a_job_without_a_container_pulls_nothing(config, script):
    found = description(spec(Request(script).checked(config).plan(None, "run-1"))).document()

    assert "User precommand" not in found
    environment = found["Environment"]
    assert isinstance(environment, dict)
    assert not {"ESD_IMAGE_REFERENCE", "ESD_IMAGE_SHA256", "APPTAINER_QUIET"} & environment.keys()


def test_all_that_a_job_needs_is_staged(planned):
    notes = {"claim.sh", "inventory.sh", "steps.sh", "wireup.sh", "crash.sh"}
    own = {"enter.sh", "site.sh", "cache.sh", "pull.sh", "digest.sh", "job.sh", "wireup.py", "versions.py", "launch.sh", *notes}
    assert set(files(spec(planned))) == {"net.py", *(f"esd/{name}" for name in own)}
    assert files(spec(planned))["net.py"] == b"print('spikes')\n"


FAULTS = [
    ({"shape": Shape(9)}, "9 nodes asked for, a job gets at most 8"),
    ({"time_s": 3601}, "01:00:01 asked for, a job gets at most 01:00:00"),
]


@pytest.mark.parametrize(("fault", "message"), FAULTS)
def test_a_request_beyond_the_sites_limits(config, script, fault, message):
    with pytest.raises(UsageError, match=message):
        Request(script, **fault).checked(config)


def test_a_site_without_modules_wants_an_image(config, script):
    with pytest.raises(UsageError, match="give --image"):
        Request(script).checked(config.model_copy(update={"modules": ()}))


def test_a_missing_script_is_named(config, tmp_path):
    with pytest.raises(UsageError, match=r"no\.py: No such file"):
        Request(tmp_path / "no.py").checked(config)


NAMES = {"my net.py": True, "a'b$(c).py": True, "größe.py": True, ".hidden": True, "a\nb.py": False, "-x.py": False, "x$HOME.py": False}


@pytest.mark.parametrize("name", NAMES)
def test_a_scripts_name_stays_as_it_is_or_is_refused(config, tmp_path, name):
    (tmp_path / name).write_text("1")
    if not NAMES[name]:
        with pytest.raises(UsageError, match="rename it"):
            Request(tmp_path / name).checked(config)
        return

    found = Request(tmp_path / name).checked(config).plan(None, "r")

    assert (found.script_name, found.script) == (name, b"1")


def test_an_empty_script_is_refused(config, tmp_path):
    (tmp_path / "net.py").touch()

    with pytest.raises(UsageError, match="is empty"):
        Request(tmp_path / "net.py").checked(config)


def test_two_files_of_one_name_are_refused(config, script, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "net.py").write_text("1")

    with pytest.raises(UsageError, match=r"rename net\.py"):
        Request(tmp_path / "other" / "net.py", inputs=(script,)).checked(config)


CONTRADICTIONS = [
    ({"mode": "module", "image": "nest"}, "only --mode container has one"),
    ({"mode": "container"}, "give --image"),
    ({"mode": "queue"}, "--mode is one of container, module, login"),
    ({"mode": "login", "shape": Shape(2)}, "a login node runs one process"),
]


@pytest.mark.parametrize(("fault", "message"), CONTRADICTIONS)
def test_a_mode_that_contradicts_the_rest(config, script, fault, message):
    with pytest.raises(UsageError, match=message):
        Request(script, **fault).checked(config)


def test_a_login_node_job_has_no_resources_and_no_srun(config, script):
    planned = Request(script, mode="login").checked(config).plan(None, "run-1")
    found = description(spec(planned)).document()

    assert (found["Job type"], "Resources" in found, str(planned.launch)) == ("ON_LOGIN_NODE", False, "python3 net.py")
    assert b"srun" not in files(spec(planned))["esd/launch.sh"]
    assert b"module load EBRAINS/24.10" in files(spec(planned))["esd/launch.sh"]


def test_variables_of_a_run_go_before_the_sites_and_reach_the_job(config, image, script):
    site = config.model_copy(update={"environment": {"A": "site", "B": "site"}})

    found = Request(script, image="nest", environment=(("A", "own"),)).checked(site).plan(image, "run-1")

    exported = exports(files(spec(found)))
    assert (exported["A"], exported["B"], found.environment) == ("own", "site", (("A", "own"),))


def test_no_value_that_somebody_chose_is_in_the_description(config, image, script):
    """The server would change quotes, dollars and backslashes in it, and show it to whoever may see the job."""
    site = config.model_copy(update={"environment": {"B": "of the site"}})
    found = Request(script, image="nest", environment=(("A", "of the user"),)).checked(site).plan(image, "run-1")

    sent = description(spec(found.with_parameters((("g", "of the sweep"),), "run-2"))).document()

    assert [value for value in ("of the user", "of the site") if value in str(sent)] == []
    assert "ESD_PARAM_" not in str(sent)
    assert sent["Umask"] == "0077"  # nobody else reads the folder; what the program writes elsewhere is as usual
    assert b"umask 0027\n" in files(spec(found))["esd/site.sh"]


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("OMP_NUM_THREADS", "4", "--threads sets it"),
        ("PYNN_SIMULATOR", "nest", "backend"),
        ("ESD_IMAGE_SHA256", "0", "belong to esd-deploy"),
        ("PATH", "/x", "let the script change os.environ"),
        ("A-B", "1", "letters, digits and _"),
        ("1A", "1", "letters, digits and _"),
        ("UID", "0", "the shell of the job sets it"),
        ("IFS", "0", "the shell of the job sets it"),
        ("BASH_FUNC", "0", "the shell of the job sets it"),
        ("A", "x\0y", "text without NUL"),
        ("A", "x" * 100_001, "at most 100,000 bytes"),
        ("A", "x\udcff", "not UTF-8 text"),
    ],
)
def test_a_variable_that_a_job_cannot_have_is_refused(config, name, value, why):
    with pytest.raises(UsageError, match=why):
        with_variables(config, ((name, value),))


def test_the_batch_job_is_called_what_the_user_calls_the_run(config, image, script):
    found = Request(script, image="nest", name="pilot_1").checked(config).plan(image, "run-1")

    assert description(spec(found)).document()["Name"] == "esdpilot1run1"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import helper\n", ["helper.py"]),
        ("from helper.deep import x\nimport pack.part as p\n", ["helper.py", "pack"]),
        ("def later():\n    import helper\n", ["helper.py"]),
        ("import nest\nfrom . import helper\n", []),
        ("import absent\n", []),
        ("not python at all\n", []),
    ],
)
def test_a_module_beside_the_script_that_is_not_sent_is_named(text, told, tmp_path):
    (tmp_path / "helper.py").write_text("")
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("")

    found = program.unsent(tmp_path / "net.py", text.encode(), {"net.py"})

    assert [one.name for one in found] == told


def test_what_is_sent_is_not_told(tmp_path):
    (tmp_path / "helper.py").write_text("")

    assert program.unsent(tmp_path / "net.py", b"import helper\n", {"net.py", "helper.py"}) == []


def test_the_warning_names_the_option_that_sends_it(tmp_path, config, caplog):
    (tmp_path / "net.py").write_text("import helper\n")
    (tmp_path / "helper.py").write_text("")

    Request(tmp_path / "net.py", image="nest").checked(config)
    Request(tmp_path / "net.py", image="nest", inputs=(tmp_path / "helper.py",)).checked(config)

    assert [one.getMessage() for one in caplog.records] == [
        f"{tmp_path}/net.py imports helper, which lies beside it and is not sent; --input {tmp_path}/helper.py sends it"
    ]
