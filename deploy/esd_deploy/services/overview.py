"""The services that have a record here, as a list shows them. Nothing here asks a site."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from esd_build.data.errors import EsdError
from esd_deploy.records import listing
from esd_deploy.records.record import RunRecord
from esd_deploy.services import nest_server, standing
from esd_deploy.services.standing import Address


@dataclass(frozen=True)
class Serving:
    """One service; `address` as soon as this machine knows it, and until the service ends."""

    run: RunRecord
    address: Address | None

    def ends_in_s(self, now: datetime) -> int | None:
        """Seconds until the job's time limit."""
        ends = self.address.ends if self.address else None
        return None if ends is None else max(0, int((ends - now).total_seconds()))

    def row(self, now: datetime | None = None) -> dict[str, str | int | None]:
        """What `services --json` prints."""
        about = {"url": self.address.url if self.address else None, "ranks": self.address.ranks if self.address else None}
        left = self.ends_in_s(now or datetime.now(UTC))
        return {"id": self.run.id, "site": self.run.site, "status": self.run.status, **about, "ends_in_s": left}


def services(runs: Path, *, every: bool = False) -> Iterator[Serving]:
    """The services of a folder of runs, in the order of its records; with `every`, those that have ended, too."""
    for one in listing.records(runs, nest_server.TAG):
        if every or not one.ended:
            yield Serving(one, None if one.ended else _address(runs / one.id))


def _address(folder: Path) -> Address | None:
    try:
        return standing.address_of(folder)
    except EsdError:
        return None
