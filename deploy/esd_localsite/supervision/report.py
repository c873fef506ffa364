"""What the supervisor reports to the waiting `up`: one JSON document a line."""

import socket
from collections.abc import Callable, Iterable
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from esd_localsite.errors import LocalSiteError


class Kind(StrEnum):
    """What a report means for the waiting `up`."""

    PROGRESS = "progress"
    READY = "ready"
    FAILED = "failed"


class Report(BaseModel):
    """One message to `up`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    text: str = ""

    def send(self, connection: socket.socket) -> bool:
        """Send it; False if the waiting `up` has gone away."""
        try:
            connection.sendall(self.model_dump_json().encode() + b"\n")
        except OSError:
            return False
        return True


def follow(lines: Iterable[str], progress: Callable[[str], None]) -> bool:
    """Pass progress on until the site is ready (True) or the reports end without that (False). Raises LocalSiteError on failure."""
    for line in lines:
        report = Report.model_validate_json(line)
        if report.kind is Kind.READY:
            return True
        if report.kind is Kind.FAILED:
            raise LocalSiteError(report.text)
        progress(report.text)
    return False
