from pathlib import Path

import pytest

from esd_localsite import elevation, lifecycle
from esd_localsite.errors import LocalSiteError
from esd_localsite.state import lock
from esd_localsite.state.layout import Layout
from esd_localsite.state.plan import SitePlan, checkout
from esd_localsite.state.status import SiteStatus, State


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A site whose state lies in a temporary folder."""
    monkeypatch.setattr(lifecycle, "find_layout", lambda name, **_: Layout(name, tmp_path))
    layout = Layout("demo", root=tmp_path)
    layout.state.mkdir()
    return layout


@pytest.fixture
def asked_root(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What would have been done through sudo."""
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(elevation, "is_root", lambda: False)
    monkeypatch.setattr(elevation, "as_root", lambda arguments, _progress: asked.append(tuple(arguments)))
    return asked


def record(layout: Layout, plan: SitePlan, state: State) -> None:
    layout.plan.write_text(plan.model_dump_json())
    layout.password.write_text("x")
    layout.status.write_text(SiteStatus.of(layout, plan, state, "as recorded").model_dump_json())


def test_a_site_that_never_was_up(layout: Layout) -> None:
    assert lifecycle.status("demo").state is State.STOPPED


def test_a_site_whose_lock_nobody_holds_has_crashed(layout: Layout, plan: SitePlan) -> None:
    record(layout, plan, State.RUNNING)
    assert lifecycle.status("demo").state is State.CRASHED


def test_up_on_a_running_site_does_nothing(layout: Layout, plan: SitePlan, asked_root: list[tuple[str, ...]]) -> None:
    record(layout, plan.model_copy(update={"owner": str(checkout())}), State.RUNNING)
    said: list[str] = []
    with lock.holding(layout.lock):
        assert lifecycle.up("demo", progress=said.append).state is State.RUNNING
    assert asked_root == []
    assert "older code" in said[0]


def test_up_on_another_checkouts_site_names_it(layout: Layout, plan: SitePlan, tmp_path: Path) -> None:
    record(layout, plan.model_copy(update={"owner": str(tmp_path)}), State.RUNNING)
    with lock.holding(layout.lock), pytest.raises(LocalSiteError, match=rf"belongs to the checkout {tmp_path}: .*down --name demo"):
        lifecycle.up("demo")


def test_a_site_of_a_checkout_that_is_gone_is_anyones(layout: Layout, plan: SitePlan) -> None:
    record(layout, plan.model_copy(update={"owner": "/gone/checkout"}), State.RUNNING)
    with lock.holding(layout.lock):
        assert lifecycle.up("demo").state is State.RUNNING


def test_up_on_a_crashed_site_starts_it_as_root(layout: Layout, plan: SitePlan, asked_root: list[tuple[str, ...]]) -> None:
    record(layout, plan, State.RUNNING)
    lifecycle.up("demo")
    assert asked_root == [("up", "demo")]


def test_down_on_a_stopped_site_needs_no_root(layout: Layout, plan: SitePlan, asked_root: list[tuple[str, ...]]) -> None:
    record(layout, plan, State.STOPPED)
    lifecycle.down("demo")
    lifecycle.down("never-was")
    assert asked_root == []


def test_down_cleans_after_a_crash(layout: Layout, plan: SitePlan, asked_root: list[tuple[str, ...]]) -> None:
    record(layout, plan, State.RUNNING)
    lifecycle.down("demo")
    lifecycle.down("demo", purge=True)
    assert asked_root == [("down", "demo"), ("down", "demo", "--purge")]
