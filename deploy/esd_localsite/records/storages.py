"""The storages of a user: the home folder and the working directories of the user's jobs."""

import re

from esd_localsite.files.files import PathError, Storage
from esd_localsite.files.processes import Account
from esd_localsite.records.records import JobRecord
from esd_localsite.records.shelf import Shelf

HOME = "HOME"
"""The id of the storage that is the user's home folder."""
_USPACE = re.compile(r"(?P<job>[0-9a-f-]{36})-uspace")


def job_of_storage(storage: str) -> str | None:
    """The job whose working directory a storage is."""
    match = _USPACE.fullmatch(storage)
    return match["job"] if match else None


def storage_of(jobs: Shelf[JobRecord], storage: str, user: str, account: Account) -> Storage:
    """A storage of this server that the user may use. Raises PathError."""
    if storage == HOME:
        return Storage(account.home, account)
    record = jobs.get(job_of_storage(storage) or "")
    if record is None or record.owner != user:
        raise PathError(f"No such storage: {storage}")
    return Storage(record.directory, account)
