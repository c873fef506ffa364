"""A job's directory: created, filled and read with the job user's rights."""

import contextlib
import re
import shutil
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from esd_localsite.files import opening
from esd_localsite.files.processes import Account
from esd_localsite.records.script import EXIT_CODE_FILE

_CODE = re.compile(r"[0-9]{1,10}")
_LOG_LINES = 20
_LOG_BYTES = 16 * 1024
_LONGEST_TEXT = 2**20


@dataclass(frozen=True)
class Workspace:
    """One working directory. All methods raise OSError if the job user lacks the rights or the disk is full."""

    directory: Path
    account: Account

    def create(self, umask: int) -> None:
        """With the job's umask; as at UNICORE/X, files that are uploaded into it have modes of their own."""
        mode = 0o777 & ~umask
        with self.account.file_rights():
            self.directory.mkdir(mode=mode, exist_ok=True)
            self.directory.chmod(mode)  # regardless of this process's umask

    def make_folder(self, name: str) -> None:
        """Make a folder in it, which may exist already."""
        with self.account.file_rights():
            (self.directory / name).mkdir(mode=0o750, exist_ok=True)

    def remove(self) -> None:
        with self.account.file_rights(), contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.directory)

    def write(self, name: str, text: str, mode: int = 0o640) -> Path:
        """Write a file, making its folders."""
        path = self.directory / name
        with self.account.file_rights():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            opening.replace(path, text.encode(), mode)  # remove whatever has this name: a pipe would block the endpoint
            path.chmod(mode)
        return path

    def read(self, name: str) -> str:
        """A text that the user wrote."""
        with self.account.file_rights():
            return opening.head(self.directory / name, _LONGEST_TEXT).decode(errors="replace")

    def exit_code(self, name: str = EXIT_CODE_FILE) -> int | None:
        """The number in an exit code file; None while there is none (or nothing in it yet)."""
        try:
            with self.account.file_rights():
                text = opening.head(self.directory / name, 32).decode(errors="replace").strip()
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
