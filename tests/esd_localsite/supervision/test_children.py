from pathlib import Path

import pytest

from esd_localsite.state.layout import Layout
from esd_localsite.supervision.children import Children, DaemonEndedError, ended_message
from esd_localsite.supervision.daemons import Daemon

DAEMON = Daemon("munged", ("munged",))
TSI = Daemon("tsi", ("python3",), restarts=True)


def test_what_is_said_of_a_daemon_that_failed(tmp_path: Path) -> None:
    log = tmp_path / "munged.log"
    log.write_text("fatal: no key\n")
    assert ended_message(DAEMON, 1, log) == f"munged ended with exit code 1; its log is {log}, which ends with:\nfatal: no key"


def test_what_is_said_of_a_daemon_that_was_killed(tmp_path: Path) -> None:
    assert ended_message(DAEMON, -9, tmp_path / "none").startswith("munged was ended by signal SIGKILL")


class Recorder(Children):
    """Starts nothing; remembers what it would have started."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout)
        self.started: list[str] = []

    def start(self, daemon: Daemon) -> None:
        self.started.append(daemon.name)

    def ends(self, daemon: Daemon) -> None:
        self._ended.append((daemon, -9))


@pytest.fixture
def children(tmp_path: Path) -> Recorder:
    layout = Layout("demo", root=tmp_path)
    layout.log("x").parent.mkdir(parents=True)
    layout.log("tsi").write_text("the last words\n")
    return Recorder(layout)


def test_a_daemon_that_ends_ends_the_site(children: Recorder) -> None:
    children.ends(DAEMON)
    with pytest.raises(DaemonEndedError, match="munged was ended by signal SIGKILL"):
        children.check(restart=True)
    assert children.started == []


def test_a_part_of_the_real_server_is_started_anew_and_its_log_kept(children: Recorder) -> None:
    children.ends(TSI)
    children.check(restart=True)
    assert children.started == ["tsi"]
    assert Path(children._layout.log("tsi")).with_suffix(".old.log").read_text() == "the last words\n"


def test_one_that_ends_while_the_site_starts_is_told(children: Recorder) -> None:
    children.ends(TSI)
    with pytest.raises(DaemonEndedError, match="tsi was ended"):
        children.check()


def test_one_that_ends_again_and_again_is_given_up(children: Recorder) -> None:
    for _ in range(5):
        children.ends(TSI)
        children.check(restart=True)
    children.ends(TSI)
    with pytest.raises(DaemonEndedError, match="tsi was ended"):
        children.check(restart=True)
    assert children.started == ["tsi"] * 5
