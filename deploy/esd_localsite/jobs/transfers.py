"""Transfers between storages of this server and elsewhere, each in a thread, and their records."""

import logging
from concurrent.futures import ThreadPoolExecutor

from esd_localsite.description.resources import DescriptionError
from esd_localsite.files.files import PathError
from esd_localsite.files.mover import Asker, Meter
from esd_localsite.files.processes import account_of
from esd_localsite.jobs.engine import Engine
from esd_localsite.records.records import TransferRecord, TransferStatus
from esd_localsite.records.shelf import Shelf

_AT_ONCE = 4
_log = logging.getLogger("esd_localsite.front")


class AbortedError(Exception):
    """The user has cancelled the transfer."""


class Transfers:
    """All transfers. A restart of the endpoint ends those that ran: they FAILED, and the user starts them again."""

    def __init__(self, shelf: Shelf[TransferRecord], engine: Engine) -> None:
        self.shelf = shelf
        self._engine = engine
        self._pool = ThreadPoolExecutor(_AT_ONCE, "transfers")
        for record in shelf:
            if not record.status.is_final:
                self._note(record, status=TransferStatus.FAILED, message="The server was restarted")

    def start(self, record: TransferRecord) -> None:
        """Begin a transfer; its record shows the progress."""
        self.shelf.save(record)
        self._pool.submit(self._run, record.id, Asker(record.owner))

    def abort(self, transfer_id: str) -> None:
        """End a transfer; does nothing if it has ended."""
        record = self.shelf.get(transfer_id)
        if record and not record.status.is_final:
            self._note(record, status=TransferStatus.ABORTED, message="Aborted.")

    def stop(self) -> None:
        """Let running transfers end, by themselves or with the process."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, transfer_id: str, asker: Asker) -> None:
        record = self.shelf.get(transfer_id)
        if record is None or record.status.is_final:
            return
        self._note(record, status=TransferStatus.RUNNING)
        done = 0

        def meter(size: int) -> None:
            nonlocal done
            done += size
            now = self.shelf.get(transfer_id)
            if now is None or now.status is TransferStatus.ABORTED:
                raise AbortedError
            self.shelf.show(now.model_copy(update={"transferred": done}))

        problem = self._move(record, asker, meter)
        now = self.shelf.get(transfer_id)
        if now and not now.status.is_final:
            self._note(now, status=TransferStatus.FAILED if problem else TransferStatus.DONE, message=problem or "", transferred=done)

    def _move(self, record: TransferRecord, asker: Asker, meter: Meter) -> str | None:
        """What went wrong; None if nothing did."""
        try:
            account = account_of(record.account)
            account = account.in_group(record.group) if record.group else account
            storage = self._engine.mover.storage_of(record.storage, record.owner, account)
            if record.sends:
                self._engine.mover.send(storage, record.file, record.address, asker, meter)
            else:
                self._engine.mover.bring(record.address, storage, record.file, asker, meter)
        except (PathError, DescriptionError) as error:
            return str(error)
        except OSError as error:
            return f"{error.strerror}: {error.filename}"
        except AbortedError:
            return "Aborted."
        except Exception as error:  # noqa: BLE001 - a thread that dies silently would leave the transfer RUNNING for ever
            _log.exception("transfer %s failed", record.id)
            return f"Internal error: {type(error).__name__}; see the endpoint's log"
        return None

    def _note(self, record: TransferRecord, **changes: object) -> None:
        self.shelf.save(record.model_copy(update=changes))
