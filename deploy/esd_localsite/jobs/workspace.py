"""A job's directory: made, filled and read with the job user's rights."""

import contextlib
import shutil
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from esd_localsite.files.processes import Account
from esd_localsite.jobs.script import EXIT_CODE_FILE

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
            path.write_text(text)
        return path

    def forget_exit_code(self, folder: str = "") -> None:
        """Clear what an earlier run left, lest it be taken for this run's."""
        with self.account.file_rights():
            (self.directory / folder / EXIT_CODE_FILE).unlink(missing_ok=True)

    def exit_code(self, folder: str = "") -> int | None:
        """The number in the exit code file; None while there is none (or nothing in it yet)."""
        try:
            with self.account.file_rights(), (self.directory / folder / EXIT_CODE_FILE).open() as stream:
                text = stream.read(32).strip()
        except OSError:
            return None
        return int(text) if text.isdecimal() else None

    def output_tail(self, folder: str) -> tuple[str, ...]:
        """The last lines that a pre- or postcommand printed, for the job's log."""
        return tuple(line for name in ("stdout", "stderr") for line in self._tail(f"{folder}/{name}".lstrip("/")))

    def _tail(self, name: str) -> tuple[str, ...]:
        try:
            with self.account.file_rights(), (self.directory / name).open("rb") as stream:
                stream.seek(max(0, stream.seek(0, 2) - _LOG_BYTES))
                lines = deque(stream.read(_LOG_BYTES).decode(errors="replace").splitlines(), maxlen=_LOG_LINES)
        except OSError:
            return ()
        return tuple(f"[{name}] {line}" for line in lines)
