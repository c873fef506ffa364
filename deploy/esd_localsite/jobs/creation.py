"""A new job's record: what came with the request, and what the site adds."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from esd_localsite.description.config import EndpointConfig
from esd_localsite.description.description import tags_of
from esd_localsite.description.resources import DescriptionError
from esd_localsite.identity.users import Identity
from esd_localsite.records.records import JobRecord, Service
from esd_localsite.records.shelf import Shelf


@dataclass(frozen=True)
class Origin:
    """How a job arrived."""

    group: str | None = None
    """The Unix group that the user chose."""
    allocation: str | None = None
    """For a task in an allocation: its batch id."""
    site: str = "default"
    """The target system that the job came to."""
    service: Service = "unicore"


MOST_JOBS = 20_000
MOST_KEPT = 64 * 2**20
"""Limits for one user: jobs, and characters kept of them in memory and on disk."""

DIRECT = Origin()
"""How most jobs arrive."""


def require_room(store: Shelf[JobRecord], owner: str) -> None:
    """Raises DescriptionError if the user keeps so many jobs that another one would harm other users."""
    own = [record for record in store if record.owner == owner]
    if len(own) >= MOST_JOBS or store.size(own) >= MOST_KEPT:
        raise DescriptionError(f"you keep {len(own)} jobs here, the most that one user may have: delete some")


def new_record(
    config: EndpointConfig, identity: Identity, submitted: Mapping[str, Any], origin: Origin, *, login_node_closed: bool
) -> JobRecord:
    """A job that has just arrived; its directory does not exist yet."""
    job_id = str(uuid.uuid4())
    return JobRecord(
        id=job_id,
        owner=identity.name,
        account=config.account_name(identity.uid_name),
        group=origin.group,
        allocation=origin.allocation,
        service=origin.service,
        site=origin.site,
        submitted=dict(submitted),
        created=datetime.now(UTC),
        directory=config.uspace_dir / job_id,
        tags=tags_of(submitted),
        login_node_closed=login_node_closed,
    ).noting("Created with type 'JSON'")
