"""A job's directory: made, filled and read with the job user's rights."""

import contextlib
import re
import shutil
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from esd_localsite.files import opening
from esd_localsite.files.processes import Account
from esd_localsite.jobs.script import EXIT_CODE_FILE

_CODE = re.compile(r"[0-9]{1,10}")
_LOG_LINES = 20
_LOG_BYTES = 16 * 1024


@dataclass(frozen=True)
class Workspace:
    """One working directory. Everything raises OSError where the job user may not, or the disk is full."""

    directory: Path
    account: Account

    def create(self) -> None:
        with self.account.file_rights():
            self.directory.mkdir(mode=0o700)

    def remove(self) -> None:
        with self.account.file_rights(), contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.directory)

    def write(self, name: str, text: str) -> Path:
        """Write a file, making its folders."""
        path = self.directory / name
        with self.account.file_rights():
            path.parent.mkdir(parents=True, exist_ok=True)
            opening.replace(path, text.encode())  # whatever has this name: a pipe there would hold the endpoint
        return path

    def forget_exit_code(self, folder: str = "") -> None:
        """Clear what an earlier run left, lest it be taken for this run's."""
        with self.account.file_rights():
            (self.directory / folder / EXIT_CODE_FILE).unlink(missing_ok=True)

    def exit_code(self, folder: str = "") -> int | None:
        """The number in the exit code file; None while there is none (or nothing in it yet)."""
        try:
            with self.account.file_rights():
                text = opening.head(self.directory / folder / EXIT_CODE_FILE, 32).decode(errors="replace").strip()
        except OSError:
            return None
        return int(text) if _CODE.fullmatch(text) else None

    def output_tail(self, folder: str) -> tuple[str, ...]:
        """The last lines that a pre- or postcommand printed, for the job's log."""
        return tuple(line for name in ("stdout", "stderr") for line in self._tail(f"{folder}/{name}".lstrip("/")))

    def _tail(self, name: str) -> tuple[str, ...]:
        try:
            with self.account.file_rights():
                text = opening.tail(self.directory / name, _LOG_BYTES).decode(errors="replace")
                lines = deque(text.splitlines(), maxlen=_LOG_LINES)
        except OSError:
            return ()
        return tuple(f"[{name}] {line}" for line in lines)
