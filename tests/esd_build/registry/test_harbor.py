"""What is checked of a Harbor before gigabytes move; against a stand-in (see harbor.py)."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.esd_build.registry.harbor import ACCOUNT, SECRET, Harbor, ProjectState
from tests.esd_build.registry.proxy import FaultProxy, Handler
from tests.esd_build.registry.servers import Place, RegistryServer

from esd_build.data.errors import ToolError, UsageError
from esd_build.data.reference import ImageReference
from esd_build.registry import Blob, Credentials, Registry
from esd_build.registry.harbor.rules import Finding, Project, Rule, Selector, findings

REFERENCE = ImageReference.parse("host.eu/esd/sub/nest:edge")


def outcomes(found: tuple[Finding, ...]) -> dict[str, str]:
    return {finding.subject: finding.outcome for finding in found}


@pytest.mark.parametrize(
    ("project", "expected"),
    [
        (Project("esd", -1, 5, ()), {"quota": "passed", "immutability": "passed"}),
        (Project("esd", 200, 100, ()), {"quota": "passed", "immutability": "passed"}),
        (Project("esd", 200, 101, ()), {"quota": "failed", "immutability": "passed"}),
        (Project("esd", None, None, None), {"quota": "unknown", "immutability": "unknown"}),
    ],
)
def test_quota_is_judged_by_what_is_still_to_be_sent(project: Project, expected: dict[str, str]) -> None:
    assert outcomes(findings(project, REFERENCE, {"edge": True}, needed=100)) == {"project": "passed", **expected}


@pytest.mark.parametrize(
    ("repositories", "tags", "applies"),
    [
        (Selector("**", False), Selector("**", False), True),
        (Selector("sub/*", False), Selector("edge*", False), True),
        (Selector("*", False), Selector("edge", False), False),  # as in Harbor, one star does not cross a slash
        (Selector("{other,sub/nest}", False), Selector("{edge,25.04}", False), True),
        (Selector("sub/nest", True), Selector("**", False), False),
        (Selector("**", False), Selector("edge", True), False),
        (Selector("**", False), Selector("*-????????-*", False), False),
    ],
)
def test_rules_apply_as_harbor_applies_them(repositories: Selector, tags: Selector, applies: bool) -> None:
    project = Project("esd", -1, 0, (Rule(repositories, tags),))
    found = outcomes(findings(project, REFERENCE, {"edge": True, "edge-20260101-00000000": False}, needed=1))
    assert found["immutability"] == ("failed" if applies else "passed")


def test_immutable_tag_that_is_not_there_yet_or_names_this_image_is_no_hindrance() -> None:
    project = Project("esd", -1, 0, (Rule(Selector("**", False), Selector("**", False)),))
    assert outcomes(findings(project, REFERENCE, {"edge": False}, needed=1))["immutability"] == "passed"


@pytest.fixture
def harbor(server: RegistryServer, start: Callable[[FaultProxy], FaultProxy]) -> Harbor:
    harbor = Harbor(server)
    start(harbor)
    return harbor


def examined(harbor: Harbor, sif: Path, folder: Path, *, project: str = "esd", secret: str = SECRET) -> tuple[Finding, ...]:
    registry = Registry(harbor.host, ca_file=harbor.upstream.tls.ca_file, credentials=Credentials(ACCOUNT, secret), unfinished=folder)
    reference = ImageReference.parse(f"{harbor.host}/{project}/nest-{os.getpid()}:edge")
    return registry.examine(reference, Blob.of(sif), {}, ["edge"])


@pytest.mark.integration
def test_project_quota_and_rules_are_looked_at_through_the_rest_interface(harbor: Harbor, sif: Path, tmp_path: Path) -> None:
    harbor.projects["esd"] = ProjectState(quota=10**9, used=10**8, immutable=[("**", "*-*")])
    assert outcomes(examined(harbor, sif, tmp_path)) == {"project": "passed", "quota": "passed", "immutability": "passed"}
    harbor.projects["esd"].used = 10**9 - 10
    assert outcomes(examined(harbor, sif, tmp_path))["quota"] == "failed"
    assert harbor.received == 0


@pytest.mark.integration
def test_what_the_account_may_not_see_is_unknown(harbor: Harbor, sif: Path, tmp_path: Path) -> None:
    harbor.projects["esd"].may_see = False
    assert outcomes(examined(harbor, sif, tmp_path)) == {"project": "passed", "quota": "unknown", "immutability": "unknown"}


@pytest.mark.integration
def test_project_that_is_not_there_is_said_before_anything_is_sent(harbor: Harbor, sif: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Harbor has no project 'none', or hides it from this account"):
        examined(harbor, sif, tmp_path, project="none")
    with pytest.raises(UsageError, match=r"Harbor at .* refuses the account"):
        examined(harbor, sif, tmp_path, secret="wrong")


@pytest.mark.integration
def test_harbor_s_own_refusals_are_understood_too(harbor: Harbor, sif: Path, tmp_path: Path) -> None:
    """Where the account may not look before, Harbor refuses at the end: the message still says what to do, and the tag is as it was."""
    registry = Registry(harbor.host, ca_file=harbor.upstream.tls.ca_file, credentials=Credentials(ACCOUNT, SECRET), unfinished=tmp_path)
    place = Place(harbor.host, harbor.upstream.tls.ca_file, tmp_path)
    first = registry.push(sif, place.reference("edge", "ruled"), {})
    harbor.projects["esd"].immutable = [("ruled", "edge")]
    assert registry.push(sif, place.reference("edge", "ruled"), {}) == first  # the same image again is no change
    sif.write_bytes(b"another")
    with pytest.raises(UsageError, match=r"configured as immutable\.\); this tag is immutable"):
        registry.push(sif, place.reference("edge", "ruled"), {})
    harbor.projects["esd"] = ProjectState(quota=1, used=1)
    with pytest.raises(UsageError, match="the project's quota is used up"):
        registry.push(sif, place.reference("new", "ruled"), {})
    assert registry.resolve(place.reference("edge", "ruled")) == first


@pytest.mark.integration
def test_other_registries_are_not_asked(through: Place, proxy: FaultProxy, sif: Path) -> None:
    assert through.registry.examine(through.reference("edge"), Blob.of(sif), {}, ["edge"]) == ()
    assert [seen.path for seen in proxy.seen] == ["/api/v2.0/ping"]


@pytest.mark.integration
@pytest.mark.parametrize(
    "answer",
    [b"[]", b'{"quota": []}', b'{"quota": {"hard": {"storage": "much"}}}', b"{" * 5000, b'{"quota": {"hard": {"storage": 1e999}}}', b"x"],
)
def test_an_answer_of_another_shape_is_one_error(
    harbor: Harbor, sif: Path, tmp_path: Path, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = Harbor.answer

    def wrong(self: Harbor, handler: Handler) -> bool:
        if not handler.path.endswith("/summary"):
            return said(self, handler)
        handler.reply(200, answer.decode(), {"Content-Type": "application/json"})
        return True

    monkeypatch.setattr(Harbor, "answer", wrong)
    harbor.projects["esd"] = ProjectState(quota=10**9, used=10**8)
    with pytest.raises(ToolError, match="asking Harbor"):
        examined(harbor, sif, tmp_path)


@pytest.mark.integration
def test_its_answers_have_the_limits_of_all_answers(harbor: Harbor, sif: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = Harbor.answer

    def endless(self: Harbor, handler: Handler) -> bool:
        if not handler.path.endswith("/summary"):
            return said(self, handler)
        handler.reply(200, "[" + "0," * 9_000_000 + "0]", {"Content-Type": "application/json"})
        return True

    monkeypatch.setattr(Harbor, "answer", endless)
    harbor.projects["esd"] = ProjectState(quota=10**9, used=10**8)
    with pytest.raises(ToolError, match="more than 16 MiB"):
        examined(harbor, sif, tmp_path)
