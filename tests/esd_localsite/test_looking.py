"""`local status` asks the parts of a running site; sites of one name in two root file systems leave each other alone."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from esd_localsite import lifecycle
from esd_localsite.errors import LocalSiteError
from esd_localsite.state import lock, programs
from esd_localsite.state.layout import STATE_ROOT, Layout
from esd_localsite.state.plan import SitePlan
from esd_localsite.state.status import SiteStatus, State
from esd_localsite.supervision import daemons, health, launcher

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="changes the machine's network and freezes daemons of root: run the tests as root"),
]


@pytest.fixture
def site(local_site_possible: None) -> Iterator[SiteStatus]:
    name = f"looking-{os.getpid()}"
    try:
        yield lifecycle.up(name)
    finally:
        lifecycle.down(name, purge=True)


def status_command(name: str) -> tuple[int, dict[str, object]]:
    """Exit code and document of `esd-deploy local status --json`."""
    code = "from esd_localsite.commands.local import app; app()"
    command = (sys.executable, "-c", code, "status", "--name", name, "--json")
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    return finished.returncode, json.loads(finished.stdout)


def test_a_whole_site_answers_and_the_exit_code_says_so(site: SiteStatus) -> None:
    code, told = status_command(site.name)
    assert code == 0
    assert {part: answer["ok"] for part, answer in told["answers"].items()} == dict.fromkeys(  # type: ignore[attr-defined]
        ("controller", "c1", "c2", "registry", "login", "endpoint", "queue"), True
    )
    lifecycle.down(site.name)
    code, told = status_command(site.name)
    assert (code, told["state"], told["answers"]) == (1, "stopped", {})


def test_a_network_that_was_taken_away_is_seen(site: SiteStatus) -> None:
    programs.run(("ip", "link", "delete", Layout(site.name).interface))
    found = lifecycle.look(site.name)
    assert (found.state, found.silent) == (State.RUNNING, ("controller", "c1", "c2"))
    assert "no answer from controller, c1, c2; `esd-deploy local down" in found.detail
    assert "no longer has the site's network" in found.answers["c1"].said
    lifecycle.down(site.name)
    lifecycle.up(site.name)
    assert lifecycle.look(site.name).usable


def test_a_frozen_endpoint_and_a_drained_node_are_seen(site: SiteStatus, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = Layout(site.name)
    for name in ("_HTTP_S", "_SLURM_S"):
        monkeypatch.setattr(health, name, 5.0)
    variables = {"SLURM_CONF": str(layout.slurm_conf)}
    programs.run(("scontrol", "update", "NodeName=c2", "State=DRAIN", "Reason=cleaning"), extra=variables)
    endpoint = next(pid for pid, words in command_lines().items() if words[-1:] == [str(layout.unicore_config)])
    os.kill(endpoint, signal.SIGSTOP)
    try:
        found = lifecycle.look(site.name)
    finally:
        os.kill(endpoint, signal.SIGCONT)
    assert found.silent == ("c2", "endpoint", "queue")
    assert "(cleaning)" in found.answers["c2"].said


def command_lines() -> dict[int, list[str]]:
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found[int(folder.name)] = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
        except OSError:
            continue  # it has ended meanwhile
    return found


class OtherRoot:
    """Another root file system's state directory at the same path, in the same network: what a container beside the host has."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name

    def do(self, verb: str, *options: str) -> None:
        own = f'mount --bind "{self.folder}" {STATE_ROOT}; exec "$@"'
        command = ("unshare", "--mount", "sh", "-ec", own, "sh", sys.executable, "-m", "esd_localsite.elevated", verb, self.name, *options)
        subprocess.run(command, env={**os.environ, **daemons.python_environment()}, check=True, capture_output=True)

    def plan(self) -> SitePlan | None:
        return SitePlan.read(Layout(self.name, self.folder))


@pytest.fixture
def other(site: SiteStatus, tmp_path: Path) -> Iterator[OtherRoot]:
    tmp_path.chmod(0o755)
    tmp_path.parent.chmod(0o755)
    tmp_path.parent.parent.chmod(0o755)
    other = OtherRoot(tmp_path, site.name)
    try:
        yield other
    finally:
        other.do("down", "--purge")


def test_a_site_of_the_same_name_in_another_root_file_system_gets_another_network(site: SiteStatus, other: OtherRoot) -> None:
    other.do("up")
    mine, its = SitePlan.read(Layout(site.name)), other.plan()
    assert mine is not None
    assert its is not None
    assert mine.network != its.network
    assert not set(mine.ports.model_dump(exclude_none=True).values()) & set(its.ports.model_dump(exclude_none=True).values())
    assert lifecycle.look(site.name).usable
    other.do("down")
    assert lifecycle.look(site.name).usable


def test_a_copied_state_directory_is_another_site(site: SiteStatus, other: OtherRoot) -> None:
    """A root file system that was copied with its site remembers the same network and ports."""
    copied = Layout(site.name, other.folder)
    copied.state.mkdir()
    copied.plan.write_bytes(Layout(site.name).plan.read_bytes())
    other.do("up")
    assert lifecycle.look(site.name).usable
    other.do("down")
    assert lifecycle.look(site.name).usable


def test_an_interface_of_somebody_else_is_not_touched(site: SiteStatus) -> None:
    lifecycle.down(site.name)
    layout = Layout(site.name)
    programs.run(("ip", "link", "add", layout.interface, "type", "veth", "peer", "name", f"x{os.getpid()}"))
    try:
        programs.run(("ip", "link", "set", layout.interface, "alias", "somebody-else"))
        with pytest.raises(LocalSiteError, match=r"belongs to something else \(a veth interface, marked 'somebody-else'\)"):
            lifecycle.up(site.name)
        assert lifecycle.status(site.name).state is State.STOPPED
        programs.run(("ip", "link", "show", layout.interface))
    finally:
        programs.run(("ip", "link", "delete", layout.interface))


def test_a_supervisor_that_lives_in_another_container_is_not_guessed_by_its_number(tmp_path: Path) -> None:
    layout = Layout("demo", tmp_path)
    layout.state.mkdir()
    with lock.holding(layout.lock), subprocess.Popen(("sleep", "60")) as innocent:
        with pytest.raises(LocalSiteError, match="is invisible here"):
            launcher.end(layout, innocent.pid)
        assert innocent.poll() is None
        innocent.kill()
