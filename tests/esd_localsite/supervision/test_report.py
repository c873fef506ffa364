import socket

import pytest

from esd_localsite.errors import LocalSiteError
from esd_localsite.supervision.report import Kind, Report, follow


def lines(*reports: Report) -> list[str]:
    return [report.model_dump_json() + "\n" for report in reports]


def test_progress_is_passed_on_until_ready() -> None:
    said: list[str] = []
    reports = lines(Report(kind=Kind.PROGRESS, text="munge"), Report(kind=Kind.READY), Report(kind=Kind.PROGRESS, text="too late"))
    assert follow(reports, said.append)
    assert said == ["munge"]


def test_a_failure_is_raised_with_its_message() -> None:
    with pytest.raises(LocalSiteError, match="slurmctld ended"):
        follow(lines(Report(kind=Kind.FAILED, text="slurmctld ended")), print)


def test_reports_that_just_end_mean_not_ready() -> None:
    assert not follow([], print)


def test_the_sender_learns_that_nobody_waits_any_more() -> None:
    sender, waiting = socket.socketpair()
    with sender, waiting:
        assert Report(kind=Kind.READY).send(sender)
        waiting.close()
        assert not Report(kind=Kind.READY).send(sender)
