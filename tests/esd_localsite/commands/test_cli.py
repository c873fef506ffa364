import json

import pytest
from typer.testing import CliRunner

from esd_localsite import lifecycle
from esd_localsite.commands.local import app, describe
from esd_localsite.state.layout import Layout
from esd_localsite.state.plan import SitePlan
from esd_localsite.state.status import Answer, SiteStatus, State


@pytest.fixture
def site(layout: Layout, plan: SitePlan, monkeypatch: pytest.MonkeyPatch) -> SiteStatus:
    site = SiteStatus.of(layout, plan, State.RUNNING, "running")
    monkeypatch.setattr(lifecycle, "look", lambda _name: site)
    return site


def test_status_as_json_is_one_document(site: SiteStatus) -> None:
    result = CliRunner().invoke(app, ["status", "--name", "demo", "--json"])
    assert json.loads(result.stdout)["registry"] == "127.0.0.1:20002"


def test_down_passes_the_purge_on(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}
    monkeypatch.setattr(lifecycle, "down", lambda name, **options: asked.update(options, name=name))
    assert CliRunner().invoke(app, ["down", "--purge"]).exit_code == 0
    assert (asked["name"], asked["purge"]) == ("local", True)


def test_the_status_for_people(site: SiteStatus) -> None:
    assert describe(site).splitlines()[:3] == [
        "site      demo: running",
        "UNICORE   https://127.0.0.1:20003/DEMO/rest/core",
        "registry  127.0.0.1:20002, account to push in /sites/demo/registry-login.json",
    ]


def test_a_part_that_does_not_answer_is_named_and_the_exit_code_says_so(site: SiteStatus, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"controller": Answer(ok=False, said="refused"), "registry": Answer(ok=True, said="status 200")}
    monkeypatch.setattr(lifecycle, "look", lambda _name: site.model_copy(update={"answers": answers}))
    result = CliRunner().invoke(app, ["status"])
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-2:] == ["answers   registry", "no answer controller: refused"]
