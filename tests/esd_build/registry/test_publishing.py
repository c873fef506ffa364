"""The commands about images in a registry, from the command line to the registry and back."""

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.esd_build.conftest import FILES
from tests.esd_build.registry.harbor import ACCOUNT, SECRET, Harbor, ProjectState
from tests.esd_build.registry.proxy import FaultProxy
from tests.esd_build.registry.servers import Place, RegistryServer

from esd_build import cli
from esd_build.data.project import Project

pytestmark = pytest.mark.integration

Call = Callable[..., tuple[int, str, str]]
SBOM = '{"bomFormat": "CycloneDX"}'


@pytest.fixture
def checkout(project: Project, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with a finished image of its own, and its bill of materials beside it."""
    assert FILES
    project.images.mkdir(parents=True)
    build(project, request.node.nodeid)
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("COSIGN_PASSWORD", "x")
    return project


def build(project: Project, content: str) -> None:
    sif = project.images / "nest-edge.sif"
    sif.write_text(content)
    labels = {"org.label-schema.build-date": "Saturday_21_November_2026_7:41:17_UTC", "eu.ebrains.esd.nest": "3.10.0", "other": "not shown"}
    made_from = {"image": "nest", "environment": "edge", "label": "edge", "provider": "debian", "key": "k", "stages": {}}
    content = {"size": sif.stat().st_size, "sha256": hashlib.sha256(sif.read_bytes()).hexdigest()}
    sif.with_suffix(".json").write_text(json.dumps({**made_from, **content, "labels": labels}))
    sif.with_suffix(".cdx.json").write_text(SBOM)


@pytest.fixture
def call(place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], checkout: Project) -> Call:
    """Runs esd-build: (exit code, standard output, standard error)."""
    monkeypatch.setenv("ESD_REGISTRY", f"{place.host}/esd/{hashlib.sha256(bytes(checkout.root)).hexdigest()[:12]}")
    monkeypatch.setenv("ESD_REGISTRY_CA", str(place.ca_file))

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["esd-build", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def test_push_prints_the_moving_tag_with_its_digest_last_and_attaches_the_documents(call: Call) -> None:
    code, out, err = call("push", "nest")
    assert code == 0, err
    reference = out.splitlines()[-1]
    assert "/nest:edge@sha256:" in reference
    assert "attached nest-edge.cdx.json (application/vnd.cyclonedx+json)" in err
    code, out, _ = call("inspect", reference, "--json")
    shown = json.loads(out)
    assert shown["annotations"] == {"eu.ebrains.esd.nest": "3.10.0"}
    assert [attached["type"] for attached in shown["attachments"]] == ["application/vnd.cyclonedx+json"]
    assert shown["signature"] == {"outcome": "skipped", "signer": None, "claims": {}}
    assert call("inspect", reference, "--show", "cyclonedx")[1].strip() == SBOM
    assert call("inspect", reference, "--show", "spdx")[0] == 3


def test_tags_before_and_after_a_new_build(call: Call, checkout: Project) -> None:
    _, out, _ = call("push", "nest")
    first = out.strip().partition("@")[2]
    build(checkout, "a newer build")
    _, out, _ = call("push", "nest", "--no-move")
    newer = out.strip()
    _, out, _ = call("tags", "nest", "--json")
    shown = json.loads(out)
    assert list(shown["next_push"]) == ["edge", newer.partition("@")[0].rpartition(":")[2]]
    assert len(shown["registry"]) == 3
    assert shown["registry"]["edge"] == first
    _, promoted, _ = call("promote", newer)
    assert promoted.strip().partition("@")[2] == newer.partition("@")[2] != first
    _, out, _ = call("tags", "nest")
    assert [line.split()[-1] for line in out.splitlines()[2:]] == ["moves", "immutable", "immutable"]
    assert call("promote", newer.replace(":edge-", ":edgy_"))[0] == 3
    assert call("promote", "nest")[1] == promoted
    assert call("promote", f"nest:{newer.partition('@')[0].rpartition(':')[2]}")[1] == promoted


def test_damaged_image_is_not_pushed(call: Call, checkout: Project) -> None:
    sif = checkout.images / "nest-edge.sif"
    sif.write_bytes(sif.read_bytes()[::-1])
    code, _, err = call("push", "nest")
    assert code == 3
    assert "is damaged: it differs from the built image" in err
    sif.write_bytes(sif.read_bytes()[:-1])
    code, _, err = call("push", "nest")
    assert code == 3
    assert "incomplete" in err


def test_signed_by_name_and_checked_by_key(call: Call, tmp_path: Path) -> None:
    assert call("push", "nest")[0] == 0
    assert call("keys", "mine")[1].strip() == "mine.pub"
    assert call("keys", "other")[0] == 0
    code, _, err = call("inspect", "nest", "--key", "mine.pub")
    assert code == 1, err
    assert "is not signed by mine.pub" in err
    code, out, err = call("sign", "nest", "--key", "mine.key")
    assert code == 0, err
    assert "@sha256:" in out
    code, out, _ = call("inspect", "nest", "--key", "mine.pub")
    assert code == 0
    assert "passed (mine.pub)" in out
    assert call("inspect", "nest", "--key", "other.pub")[0] == 1
    assert "signed by this key before" in call("sign", "nest", "--key", "mine.key")[2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("push", "nest", "--tag", "no tag"), "'no tag' is not a valid tag"),
        (("push", "nets"), "unknown image 'nets'; did you mean 'nest'?"),
        (("sign", "nest", "--key", "none.key"), "none.key: No such file or directory"),
        (("inspect", "nest:ed:ge"), "is not a valid tag"),
        (("promote", "host.eu/esd/nest:edge"), "has no immutable tag"),
    ],
)
def test_wrong_calls_say_what_is_wrong(call: Call, arguments: tuple[str, ...], words: str) -> None:
    code, _, err = call(*arguments)
    assert code == 3
    assert words in err


def test_without_a_registry_it_is_asked_for(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ESD_REGISTRY")
    code, _, err = call("push", "nest")
    assert code == 3
    assert "'nest' names no registry; give --registry host/project, or set ESD_REGISTRY" in err


def test_harbor_that_would_refuse_is_believed_before_anything_is_sent(
    call: Call, server: RegistryServer, start: Callable[[FaultProxy], FaultProxy], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    harbor = Harbor(server)
    start(harbor)
    login = tmp_path / "robot.json"
    login.write_text(json.dumps({"name": ACCOUNT, "secret": SECRET}))
    login.chmod(0o600)
    monkeypatch.setenv("ESD_REGISTRY_LOGIN", str(login))
    monkeypatch.setenv("ESD_REGISTRY", f"{harbor.host}/esd")
    harbor.projects["esd"] = ProjectState(quota=1000, used=1000)
    code, _, err = call("push", "nest")
    assert code == 3
    assert "the registry would refuse this push, so nothing was sent: the push needs 0 MB, 0 MB of 0 MB are free" in err
    assert harbor.received == 0
    harbor.projects["esd"].quota = -1
    code, out, err = call("push", "nest")
    assert code == 0, err
    assert "quota: passed (no limit)" in err
    assert SECRET not in out + err
