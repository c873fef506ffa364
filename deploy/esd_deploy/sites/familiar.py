"""Remembers the site files that a user has named in commands, so that no record can bring in another one.

A site file says which secret esd-deploy reads and where it sends the secret. A run's record names its site file. But a record may come
from a job's folder, an archive or a colleague, so the file counts only if the user has named it before.
"""

import hashlib
import os
from pathlib import Path

import platformdirs

from esd_build.data.errors import ToolError, UsageError

_OTHERS_WRITE = 0o022


def site_of(name: str, file: Path | None) -> str:
    """The argument of `Site.load` for a run's site. Raises UsageError for a file that the user never named, or that others can change."""
    if file is None:
        return name
    if not _mark(file).is_file():
        raise UsageError(f"the record names a site file that you have not used here, {str(file)!r}; if it is yours, name it with --site")
    require_own(file, "a site file")
    return str(file)


def remember(file: Path | None) -> None:
    """Note that the user has named this file."""
    if file is None or _mark(file).is_file():
        return
    try:
        _mark(file).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _mark(file).write_text(f"{file}\n", encoding="utf-8")
    except OSError as error:
        raise ToolError(
            f"{error.filename}: {error.strerror}; used site files are noted there (ESD_STATE_DIR chooses another folder)"
        ) from error


def require_own(path: Path, what: str) -> None:
    """Raises UsageError if a file belongs to an account other than the user's or root's, or if others can write to it."""
    try:
        status = path.stat()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    if os.geteuid() not in {0, status.st_uid} and status.st_uid != 0:
        raise UsageError(f"{path} is {what} of another account (uid {status.st_uid}), which could change it; use a copy of your own")
    if status.st_mode & _OTHERS_WRITE:
        raise UsageError(f"{path} is {what} that others can write to; `chmod go-w {path}`, and check its content")


def state() -> Path:
    """The folder in which this machine keeps what it has seen."""
    return Path(os.environ.get("ESD_STATE_DIR") or platformdirs.user_state_dir("esd-images"))


def _mark(file: Path) -> Path:
    return state() / "site-files" / hashlib.sha256(os.fsencode(file.absolute())).hexdigest()[:32]
