"""`--require-signature`: only what a trusted key signed is run."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.esd_build.registry.servers import AVAILABLE, Place, running_registry
from tests.esd_deploy.commands.test_cli import call
from tests.esd_deploy.conftest import DATA, prepared

from esd_build import signing
from esd_build.data.errors import ToolError, UsageError
from esd_build.signing import PrivateKey
from esd_deploy.backends.unicore.backend import UnicoreBackend
from esd_deploy.commands.shared import running
from esd_deploy.plans import image
from esd_deploy.plans.request import Request
from esd_deploy.runs.site import Site
from esd_deploy.sites.endpoint import Credentials, Endpoint


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    if not AVAILABLE:
        pytest.skip("docker-registry is not installed: `make setup`")
    with running_registry(tmp_path_factory.mktemp("registry")) as server:
        yield Place(server.host, server.tls.ca_file, server.folder / "unfinished")


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PrivateKey:
    monkeypatch.setenv("COSIGN_PASSWORD", "x")
    monkeypatch.setenv("ESD_TRUSTED_KEYS", str(signing.new_key_pair(tmp_path / "maintainer")))
    return PrivateKey.read(tmp_path / "maintainer.key")


def test_site_that_takes_signed_images_only_asks_for_signatures(config):
    endpoint = Endpoint("https://u.example.org/X/rest/core", "registry.example.org", None, Credentials("s3cret"), "")
    place = Site(config, endpoint, backend=UnicoreBackend())
    assert place.look_up is image.resolve
    assert place.signed_only().look_up is image.resolve_signed


def test_without_an_image_nothing_could_be_signed(script):
    with pytest.raises(UsageError, match="without --image there is nothing to verify"):
        running.planned("local", Request(script), running.Conditions(signed=True))


@pytest.mark.integration
def test_unsigned_image_is_refused_and_signed_one_is_taken(place: Place, key: PrivateKey, tmp_path: Path) -> None:
    sif = tmp_path / "nest-edge.sif"
    sif.write_text(str(tmp_path))
    published = place.registry.push(sif, place.reference("edge"), {})
    endpoint = Endpoint("https://u.example.org/X/rest/core", place.host, place.ca_file, Credentials("s3cret"), "")
    with pytest.raises(UsageError, match="is refused: it has no signature"):
        image.resolve_signed(place.reference("edge"), endpoint)
    signing.sign(place.registry, published.reference, key)
    assert image.resolve_signed(place.reference("edge"), endpoint) == published


@pytest.mark.integration
def test_registry_that_does_not_answer_is_no_signature(
    place: Place, key: PrivateKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`resolve` goes on with what it knew before; where a signature is required, nobody could have looked."""
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda _name: str(tmp_path))
    sif = tmp_path / "nest-edge.sif"
    sif.write_text(str(tmp_path))
    published = place.registry.push(sif, place.reference("gone"), {})
    endpoint = Endpoint("https://u.example.org/X/rest/core", place.host, place.ca_file, Credentials("s3cret"), "")
    assert image.resolve(place.reference("gone"), endpoint) == published
    monkeypatch.setattr("esd_build.registry.Registry.resolve", lambda *_arguments: (_ for _ in ()).throw(ToolError("does not answer")))
    assert image.resolve(place.reference("gone"), endpoint) == published
    with pytest.raises(ToolError, match="does not answer"):
        image.resolve_signed(place.reference("gone"), endpoint)


COMMANDS = ("run", "submit", "script", "rerun")


@pytest.fixture(scope="module")
def trusted(tmp_path_factory):
    """A public key of somebody's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COSIGN_PASSWORD", "x")
        return signing.new_key_pair(tmp_path_factory.mktemp("keys") / "maintainer")


@pytest.fixture
def typed(script, planned, trusted, tmp_path, monkeypatch):
    """What a user types after `esd-deploy` for each command, at a site that is not there; a key is trusted."""
    monkeypatch.setenv("ESD_TRUSTED_KEYS", str(trusted))
    monkeypatch.setenv("EXAMPLE_TOKEN", "s3cret")
    runs = tmp_path / "runs"
    prepared(planned, runs / planned.run_id)
    where = ("--site", DATA / "valid.yaml")
    new = (script, *where, "--image", "nest")
    kept = ("--output", runs)
    return {"run": ("run", *new, *kept), "submit": ("submit", *new, *kept), "script": ("script", *new),
            "rerun": ("rerun", planned.run_id, *where, *kept)}  # fmt: skip


@pytest.fixture
def asked(monkeypatch, image):
    """The images whose signature was asked for; a registry with one that is signed. Nobody may be asked for anything else."""
    found = []
    monkeypatch.setattr("esd_deploy.plans.image.resolve_signed", lambda wanted, _endpoint: found.append(wanted) or image)
    return found


@pytest.fixture
def unsigned(monkeypatch):
    def refuse(wanted, _endpoint):
        raise UsageError(f"{wanted} is refused: it has no signature")

    monkeypatch.setattr("esd_deploy.plans.image.resolve_signed", refuse)


@pytest.mark.parametrize("how", [("--require-signature",), ("--require-signature", "--force"), ()], ids=["asked", "forced", "variable"])
@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_not_signed_is_refused_by_every_command(capsys, typed, unsigned, connection, monkeypatch, command, how):
    monkeypatch.setattr("esd_deploy.backends.unicore.backend.UnicoreBackend.connect", lambda *_arguments: connection)
    if not how:
        monkeypatch.setenv("ESD_REQUIRE_SIGNATURE", "1")

    code, out, err = call(capsys, *typed[command], *(word for word in how if command != "script" or word != "--force"))

    assert (code, "is refused: it has no signature" in err, out, connection.jobs) == (3, True, "", []), err


@pytest.mark.parametrize("command", COMMANDS)
def test_the_digest_that_runs_is_the_one_whose_signature_was_asked_for(capsys, typed, asked, image, connection, monkeypatch, command):
    monkeypatch.setattr("esd_deploy.backends.unicore.backend.UnicoreBackend.connect", lambda *_arguments: connection)

    code, out, err = call(capsys, *typed[command], "--require-signature")

    assert code == 0, err
    (wanted,) = asked
    assert wanted.repository == image.reference.repository
    assert (str(wanted) == str(image.reference)) == (command == "rerun")
    sent = json.dumps(connection.jobs) + out
    assert f"nest@{image.reference.digest}" in sent


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_asks_for_signatures_needs_a_key(capsys, typed, asked, monkeypatch, tmp_path, command):
    monkeypatch.setenv("ESD_TRUSTED_KEYS", str(tmp_path / "none"))

    code, _, err = call(capsys, *typed[command], "--require-signature")

    assert (code, "no trusted key" in err, asked) == (3, True, []), err
