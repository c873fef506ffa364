"""Site files of their own that a user has named in a command: no record brings in another one.

A site file says which secret is read and where it is sent. A run's record names the site file that it was run with. A record may come
from a job's folder, an archive or a colleague, so what it names counts only if the user has named it before.
"""

import hashlib
import os
from pathlib import Path

import platformdirs

from esd_build.data.errors import ToolError, UsageError

_OTHERS_WRITE = 0o022


def site_of(name: str, file: Path | None) -> str:
    """The word for `Site.load` of a run's site. Raises UsageError for a file that the user never named, or that others can change."""
    if file is None:
        return name
    if not _mark(file).is_file():
        raise UsageError(f"the record names a site file that was not used here before, {str(file)!r}; if it is yours, give it with --site")
    require_own(file, "a site file")
    return str(file)


def remember(file: Path | None) -> None:
    """The user has named this file."""
    if file is None or _mark(file).is_file():
        return
    try:
        _mark(file).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _mark(file).write_text(f"{file}\n", encoding="utf-8")
    except OSError as error:
        raise ToolError(f"{error.filename}: {error.strerror}; used site files are noted there (ESD_STATE_DIR moves it)") from error


def require_own(path: Path, what: str) -> None:
    """Raises UsageError where a file belongs to another account than the caller's or root's, or where others can write to it."""
    try:
        status = path.stat()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    if os.geteuid() not in {0, status.st_uid} and status.st_uid != 0:
        raise UsageError(f"{path} is {what} of another account (uid {status.st_uid}), who could change what it says; it is not used")
    if status.st_mode & _OTHERS_WRITE:
        raise UsageError(f"{path} is {what} that others can write to; `chmod go-w {path}`, and look at what is in it")


def _mark(file: Path) -> Path:
    state = Path(os.environ.get("ESD_STATE_DIR") or platformdirs.user_state_dir("esd-images"))
    return state / "site-files" / hashlib.sha256(os.fsencode(file.absolute())).hexdigest()[:32]
