import pytest

from esd_localsite.state.layout import Layout
from esd_localsite.state.plan import SitePlan
from esd_localsite.state.status import SiteStatus, State, command, judge


def recorded(layout: Layout, plan: SitePlan, state: State) -> SiteStatus:
    return SiteStatus.of(layout, plan, state, "as recorded")


@pytest.mark.parametrize(
    ("record", "alive", "state", "detail"),
    [
        (None, False, State.STOPPED, "never started"),
        (None, True, State.STOPPED, "starting"),
        (State.RUNNING, True, State.RUNNING, "as recorded"),
        (State.RUNNING, False, State.CRASHED, "supervisor was killed; read /sites/demo/log/supervisor.log"),
        (State.STOPPED, False, State.STOPPED, "as recorded"),
        (State.STOPPED, True, State.STOPPED, "starting or stopping"),
        (State.CRASHED, False, State.CRASHED, "as recorded"),
        (State.CRASHED, True, State.STOPPED, "starting or stopping"),
    ],
)
def test_the_state_now(layout: Layout, plan: SitePlan, record: State | None, alive: bool, state: State, detail: str) -> None:
    now = judge(layout, recorded(layout, plan, record) if record else None, alive=alive)
    assert now.state is state
    assert detail in now.detail


def test_the_document_that_others_read(layout: Layout, plan: SitePlan) -> None:
    assert recorded(layout, plan, State.RUNNING).model_dump(mode="json") == {
        "name": "demo",
        "state": "running",
        "unicore_url": "https://127.0.0.1:20003/DEMO/rest/core",
        "registry": "127.0.0.1:20002",
        "registry_login_file": "/sites/demo/registry-login.json",
        "nmpi_url": "https://127.0.0.1:20003",
        "oidc_url": "https://127.0.0.1:20003/DEMO/oidc",
        "server": "own",
        "launcher": "slurmd",
        "username": "esd",
        "password_file": "/sites/demo/password",
        "ca_file": "/sites/demo/tls/ca.pem",
        "nodes": ["c1", "c2"],
        "scratch": "/sites/demo/scratch",
        "slurm_conf": "/sites/demo/slurm/slurm.conf",
        "owner": "/home/someone/esd-images",
        "detail": "as recorded",
        "answers": {},
    }


def test_answers_are_not_recorded(layout: Layout, plan: SitePlan) -> None:
    """The status file outlives them."""
    assert "answers" not in recorded(layout, plan, State.RUNNING).recorded


def test_commands_for_the_default_site_need_no_name() -> None:
    assert command("up", "local") == "esd-deploy local up"
    assert command("down", "h1") == "esd-deploy local down --name h1"
