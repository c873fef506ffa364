"""Small jobs that ask a site something; the image cache; what registries answered before."""

from dataclasses import replace

import pytest
from tests.esd_deploy.commands.test_cli import call
from tests.esd_deploy.conftest import DATA, JOB, FakeConnection, exports

from esd_build.data.errors import ToolError, UsageError
from esd_build.data.reference import ImageReference
from esd_deploy.backends.connection import JobState
from esd_deploy.errands import errand, image_cache
from esd_deploy.plans import image
from esd_deploy.plans.image import Memory
from esd_deploy.sites.endpoint import Credentials, Endpoint

LISTED = f"image {'a' * 64} 1000 1767225600 kept\nimage {'b' * 64} 2000 1767225600 damaged, removed\nfree 5000 /scratch/esd-images\n"


def connection(stdout=b"answer", **options):
    return FakeConnection(states=[JobState("SUCCESSFUL", exit_code=0)], results={"stdout": stdout, "stderr": b"why"}, **options)


def test_an_errand_is_answered_and_leaves_nothing(config):
    site = connection()
    answer = errand.run(site, errand.of("images.sh", config, (("ESD_ACTION", "list"),)), sleep=lambda _s: None)

    assert (answer.exit_code, answer.stdout, answer.stderr) == (0, "answer", "why")
    assert (site.jobs[0]["Job type"], exports(site.uploaded)["ESD_ACTION"], site.deleted) == ("ON_LOGIN_NODE", "list", [JOB])


def test_an_errand_that_a_site_does_not_run_is_an_error_and_leaves_nothing(config):
    site = connection()
    site.states = [JobState("FAILED", "no login node jobs here")]

    with pytest.raises(ToolError, match="no login node jobs here"):
        errand.run(site, errand.of("images.sh", config), sleep=lambda _s: None)

    assert site.deleted == [JOB]


def test_a_lost_answer_makes_no_second_errand(config):
    site = connection(lose=["create"])
    errand.run(site, errand.of("images.sh", config), sleep=lambda _s: None)

    assert len(site.jobs) == 1


def test_a_site_that_runs_nothing_on_its_login_nodes_is_not_asked_there(config):
    with pytest.raises(UsageError, match="runs nothing on its login nodes"):
        errand.of("images.sh", config.model_copy(update={"login_node": False}))


def test_the_image_cache_is_listed(config):
    found = image_cache.ask(connection(LISTED.encode()), config, "check")

    assert (found.folder, found.free) == ("/scratch/esd-images", 5000)
    assert [(one.size, one.state) for one in found.images] == [(1000, "kept"), (2000, "damaged, removed")]


def test_a_list_that_broke_off_is_no_list():
    with pytest.raises(ToolError, match="list of the image cache is incomplete"):
        image_cache.understood(LISTED.splitlines()[0])


def test_a_damaged_image_is_named_and_is_an_error(capsys, monkeypatch, image_memory, published):
    monkeypatch.setenv("EXAMPLE_TOKEN", "s3cret")
    monkeypatch.setattr("esd_deploy.backends.unicore.backend.UnicoreBackend.connect", lambda *_arguments: connection(LISTED.encode()))
    Memory.of_user().keep(WANTED, published)

    code, out, err = call(capsys, "images", DATA / "valid.yaml", "--check")

    damaged = f"sha256:{'b' * 64}"
    assert (code, damaged in err, "1 of 2 images" in err) == (1, True, True), err
    assert (published.sif_digest, "nest:edge" in next(line for line in out.splitlines() if damaged[:30] in line)) == (damaged, True)


@pytest.mark.parametrize("state", ["unreadable (Input/output error)", "damaged, not removed", "not removed", ""])
def test_an_image_that_is_left_although_it_may_be_broken_is_named_and_is_an_error(capsys, monkeypatch, image_memory, state):
    monkeypatch.setenv("EXAMPLE_TOKEN", "s3cret")
    site = connection(LISTED.replace("damaged, removed", state).encode())
    monkeypatch.setattr("esd_deploy.backends.unicore.backend.UnicoreBackend.connect", lambda *_arguments: site)

    code, _, err = call(capsys, "images", DATA / "valid.yaml", "--check")

    assert (code, "1 of 2 images are still there" in err, f"sha256:{'b' * 64} ({state or 'unknown'})" in err) == (1, True, True), err
    assert "were removed" not in err


def test_a_whole_cache_is_no_error(capsys, monkeypatch, image_memory):
    monkeypatch.setenv("EXAMPLE_TOKEN", "s3cret")
    whole = connection(LISTED.replace("damaged, removed", "whole").encode())
    monkeypatch.setattr("esd_deploy.backends.unicore.backend.UnicoreBackend.connect", lambda *_arguments: whole)

    assert call(capsys, "images", DATA / "valid.yaml", "--check", "--json")[0] == 0


def test_what_is_no_answer_in_the_memory_names_nothing(image_memory, published):
    Memory.of_user().keep(WANTED, published)
    (Memory.of_user().folder / "other.json").write_text('{"reference": "nothing"}')

    assert Memory.of_user().names == {published.sif_digest: "nest:edge"}


def test_an_image_of_two_names_has_both(image_memory, published):
    other = ImageReference.parse("registry.example.org/esd/nest:cells")
    Memory.of_user().keep(WANTED, published)
    Memory.of_user().keep(other, replace(published, reference=other))

    assert Memory.of_user().names == {published.sif_digest: "nest:cells, nest:edge"}


WANTED = ImageReference.parse("registry.example.org/esd/nest:edge")
ENDPOINT = Endpoint("https://u.example.org/X/rest/core", "registry.example.org", None, Credentials("s"), "")


def test_a_registry_that_is_down_is_replaced_by_what_it_said_before(image_memory, published, monkeypatch, caplog):
    monkeypatch.setattr(image, "Registry", lambda *_a, **_o: Answers(published))
    first = image.resolve(WANTED, ENDPOINT)
    monkeypatch.setattr(image, "Registry", lambda *_a, **_o: Answers(None))

    assert image.resolve(WANTED, ENDPOINT) == first == published
    assert "continuing with the last known digest" in caplog.text


def test_a_registry_that_is_down_and_never_answered_is_an_error(image_memory, monkeypatch):
    monkeypatch.setattr(image, "Registry", lambda *_a, **_o: Answers(None))

    with pytest.raises(ToolError, match="down"):
        image.resolve(WANTED, ENDPOINT)


class Answers:
    def __init__(self, found):
        self.found = found

    def resolve(self, _wanted):
        if self.found is None:
            raise ToolError("registry down")
        return self.found


@pytest.fixture
def published(request):
    return request.getfixturevalue("image")


@pytest.fixture
def image_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(Memory, "of_user", classmethod(lambda cls: cls(tmp_path / "resolved")))
