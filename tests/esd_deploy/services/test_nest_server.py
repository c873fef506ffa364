import dataclasses

import pytest

from esd_build.data.errors import UsageError
from esd_deploy.plans.launch import Shape
from esd_deploy.plans.request import Request
from esd_deploy.services import nest_server
from esd_deploy.services.nest_server import PROGRAM, Wanted


@pytest.fixture
def network(tmp_path):
    path = tmp_path / "brain.py"
    path.write_text("import nest\n")
    return path


def plan(config, image, wanted, **more):
    asked = Request(PROGRAM, shape=Shape(2, 2, 4), **more)
    return nest_server.timed(nest_server.request(asked, wanted).checked(config).plan(image, "run-1"), wanted)


def test_a_service_is_an_ordinary_run_of_the_launcher(config, image, network):
    found = plan(config, image, Wanted(network, warn_s=60, save_s=10), time_s=900, tags=("mine",))

    assert (found.script_name, found.tags) == ("nest_server.py", ("mine", "service"))
    assert found.command == (
        "nest_server.py",
        *("--threads", "4", "--time-s", "900", "--warn-s", "60", "--save-s", "10", "--network", "brain.py"),
    )
    assert "srun --kill-on-bad-exit=1" in str(found.launch)
    assert str(found.launch).endswith("python3 nest_server.py --threads 4 --time-s 900 --warn-s 60 --save-s 10 --network brain.py")
    assert [name for name, _ in found.inputs] == ["brain.py"]


def test_nothing_of_its_job_is_a_secret(config, image):
    from esd_deploy.plans.run_job import spec

    job = spec(plan(config, image, Wanted(), time_s=900))

    assert not any("token" in name for name, _ in job.files)
    assert not job.environment


@pytest.mark.parametrize(("given", "expected"), [(None, "nest-server"), ("nest-server:25.04", "nest-server:25.04")])
def test_its_image(given, expected):
    assert nest_server.request(Request(PROGRAM, image=given), Wanted()).image == expected


def test_a_network_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match=r"--network .*: no such file"):
        nest_server.request(Request(PROGRAM), Wanted(tmp_path / "none.py"))


def test_a_time_limit_that_leaves_no_time_to_serve(config, image):
    with pytest.raises(UsageError, match="saves its data 20 s before"):
        plan(config, image, Wanted(), time_s=20)


def test_the_launcher_has_these_options():
    from esd_nest_server.launcher import options

    given = options(["--threads", "4", "--time-s", "900", "--warn-s", "60", "--save-s", "10", "--network", "brain.py"])

    usual = options([])
    expected = {"network": None, "warn_s": usual.warn_s, "save_s": usual.save_s, "scripts": usual.scripts, "origins": ()}
    assert (dataclasses.asdict(Wanted()), usual.origin) == (expected, [])
    assert (given.threads, given.time_s, given.network) == (4, 900, "brain.py")


def test_scripts_and_pages_in_browsers_are_for_those_who_ask(config, image):
    from esd_nest_server.launcher import options

    found = plan(config, image, Wanted(scripts=True, origins=("http://127.0.0.1:8000", "https://desk.example.org")), time_s=900)
    given = options(found.command[1:])

    assert (given.scripts, given.origin) == (True, ["http://127.0.0.1:8000", "https://desk.example.org"])


@pytest.mark.parametrize("origin", ["*", "null", "127.0.0.1:80", "http://a.b/c", "http://x y", "http://a --scripts"])
def test_what_is_no_origin(origin):
    with pytest.raises(UsageError, match="scheme, host and port"):
        nest_server.request(Request(PROGRAM), Wanted(origins=(origin,)))
