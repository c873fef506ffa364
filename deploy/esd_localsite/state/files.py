"""Writing the state directory's files: whole or not at all, and never readable by more users than they are meant for."""

import os
import tempfile
from pathlib import Path


def write(path: Path, content: bytes | str, *, mode: int = 0o644, owner: int | None = None) -> None:
    """Replace `path` at once; its owner and mode hold before its name is there to be opened. `owner`: a user id."""
    data = content.encode() if isinstance(content, str) else content
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(data)
            os.fchmod(file.fileno(), mode)
            if owner is not None and owner != os.geteuid():
                os.fchown(file.fileno(), owner, -1)
            file.flush()
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def make_folder(path: Path, *, mode: int = 0o755, owner: int | None = None, group: int = -1) -> None:
    """Make a folder with exactly this mode and owner, or bring an existing one to them."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    if owner is not None:
        os.chown(path, owner, group)


def tail(path: Path, lines: int = 15) -> str:
    """The last lines of a log; an empty text where there is none."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
