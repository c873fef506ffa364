from pathlib import Path

from esd_localsite.supervision.children import ended_message
from esd_localsite.supervision.daemons import Daemon

DAEMON = Daemon("slurmctld", ("slurmctld",))


def test_what_is_said_of_a_daemon_that_failed(tmp_path: Path) -> None:
    log = tmp_path / "slurmctld.log"
    log.write_text("fatal: no key\n")
    assert ended_message(DAEMON, 1, log) == f"slurmctld ended with exit code 1; its log is {log}, which ends with:\nfatal: no key"


def test_what_is_said_of_a_daemon_that_was_killed(tmp_path: Path) -> None:
    assert ended_message(DAEMON, -9, tmp_path / "none").startswith("slurmctld was ended by signal SIGKILL")
