import pytest
from tests.esd_deploy.conftest import FakeBackend

from esd_build.data.errors import UsageError
from esd_deploy import Site
from esd_deploy.sites.endpoint import Credentials, Endpoint

ENDPOINT = Endpoint("https://u.example.org/X/rest/core", "registry.example.org", None, Credentials("s3cret"), "")


@pytest.fixture
def site(config, image, connection):
    """A site whose registry knows every image, and the references that it was asked for."""
    asked = []
    return Site(config, ENDPOINT, backend=FakeBackend(connection), look_up=lambda wanted, _e: asked.append(str(wanted)) or image), asked


def test_a_script_is_run_from_python(site, script, tmp_path, connection):
    place, asked = site

    run = place.submit(script, image="nest", nodes=2, runs=tmp_path)
    ended = place.run(run.id, runs=tmp_path)
    ended._sleep = lambda _s: None

    assert ended.wait().succeeded
    assert asked == ["registry.example.org/esd/nest:edge"]
    assert connection.jobs[0]["Environment"]["ESD_IMAGE_REFERENCE"].endswith("@sha256:" + "a" * 64)


def test_no_secret_is_in_what_is_kept(site, script, tmp_path):
    site[0].submit(script, image="nest", runs=tmp_path)

    assert [path for path in tmp_path.rglob("*") if path.is_file() and b"s3cret" in path.read_bytes()] == []


def test_the_registry_is_not_asked_for_a_run_that_cannot_be(site, tmp_path):
    place, asked = site

    with pytest.raises(UsageError, match="No such file"):
        place.submit(tmp_path / "no.py", image="nest", runs=tmp_path)

    assert asked == []


def test_two_runs_have_two_ids(site, script, tmp_path):
    first, second = (site[0].submit(script, image="nest", runs=tmp_path).id for _ in range(2))

    assert first != second
