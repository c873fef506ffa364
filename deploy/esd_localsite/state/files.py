"""Writes files and folders completely or not at all, and never readable by more users than intended."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write(path: Path, content: bytes | str, *, mode: int = 0o644, owner: int | None = None, durable: bool = False) -> None:
    """Replace `path` atomically; owner and mode are set before anyone can open it. `owner`: a user id.

    `durable`: the content reaches the disk before the name does.
    """
    data = content.encode() if isinstance(content, str) else content
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(data)
            os.fchmod(file.fileno(), mode)
            if owner is not None and owner != os.geteuid():
                os.fchown(file.fileno(), owner, -1)
            file.flush()
            if durable:
                os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A new folder that replaces `target` at the end; after an error nothing is left. Everyone can read it."""
    if not target.parent.is_dir():
        make_folder(target.parent)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".new-") as temporary:
        Path(temporary).chmod(0o711)  # others work in it
        new = Path(temporary) / target.name
        make_folder(new)
        yield new
        new.chmod(0o755)
        shutil.rmtree(target, ignore_errors=True)
        new.rename(target)


def make_folder(path: Path, *, mode: int = 0o755, owner: int | None = None, group: int = -1) -> None:
    """Make a folder with exactly this mode and owner, or correct an existing one."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    if owner is not None:
        os.chown(path, owner, group)


def tail(path: Path, lines: int = 15) -> str:
    """The last lines of a log; empty if there is none."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
