import httpx
import pytest

from esd_localsite.errors import LocalSiteError
from esd_localsite.state.layout import Layout, user_root
from esd_localsite.state.plan import SitePlan
from esd_localsite.state.status import SiteStatus, State
from esd_localsite.supervision import health


def unreachable() -> str:
    raise httpx.ConnectError("Connection refused")


def talkative() -> str:
    raise LocalSiteError("`scontrol ping` failed (1): DOWN\n*****\n** RESTORE **")


@pytest.mark.parametrize("told", ["idle|none", "mixed|none", "allocated|", "completing|none"])
def test_a_node_that_takes_jobs(told: str) -> None:
    assert health.judge_node(told) == told.partition("|")[0]


@pytest.mark.parametrize("told", ["idle*|none", "down|fault", "down*|Not responding", "drained|by hand", "draining|soon", "unknown|"])
def test_a_node_that_takes_none_is_named_with_slurms_reason(told: str) -> None:
    state, _, reason = told.partition("|")
    with pytest.raises(LocalSiteError, match=f"reports its state as {state.replace('*', '.')}") as caught:
        health.judge_node(told)
    assert reason in {"", "none"} or f"({reason})" in str(caught.value)


def test_every_part_of_the_site_is_asked(layout: Layout, plan: SitePlan) -> None:
    assert list(health.questions(layout, plan)) == ["controller", "c1", "c2", "registry", "login", "endpoint", "queue"]
    assert list(health.questions(Layout("demo", user_root()), plan)) == ["registry", "login", "endpoint", "queue"]
    with_tsi = plan.model_copy(update={"ports": plan.ports.model_copy(update={"tsi": 20005})})
    assert list(health.questions(layout, with_tsi)) == ["controller", "c1", "c2", "tsi", "registry", "login", "endpoint", "queue"]


def test_one_silent_part_hides_no_other(layout: Layout, plan: SitePlan, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"controller": talkative, "registry": unreachable, "endpoint": lambda: "status 200"}
    monkeypatch.setattr(health, "questions", lambda *_: asked)
    site = SiteStatus.of(layout, plan, State.RUNNING, "running").model_copy(update={"answers": health.ask(layout, plan)})
    assert site.silent == ("controller", "registry")
    assert not site.usable
    assert site.answers["controller"].said == "`scontrol ping` failed (1): DOWN"
    assert site.answers["endpoint"].said == "status 200"
