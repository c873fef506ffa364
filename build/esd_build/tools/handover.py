"""Files for the account that containers run as: root's checkout may lie in a folder that is closed to others, as /root is."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from esd_build.tools.process import Account, run

PLACE = Path("/var/tmp")  # noqa: S108 - a folder of its own is made there, with a name that nobody can guess


@contextmanager
def reachable(account: Account, paths: Sequence[Path], place: Path = PLACE) -> Iterator[tuple[Path, ...]]:
    """The same files and folders where `account` can read them, in the order of `paths`.

    A path that it can read is returned as it is. Others are linked, or copied, into a folder below `place`, which goes afterwards.
    """
    closed = [path for path in paths if not can_read(account, path)]
    if not closed:
        yield tuple(paths)
        return
    with tempfile.TemporaryDirectory(dir=place, prefix="handover-") as made:
        folder = Path(made)
        os.chown(folder, account.uid, account.gid)
        handed = {path: _hand_over(path, folder / str(number)) for number, path in enumerate(closed)}
        yield tuple(handed.get(path, path) for path in paths)


def can_read(account: Account, path: Path) -> bool:
    """Whether the account can open the file, or enter and list the folder. What is not there needs no help: the caller's error tells."""
    if not account.is_other or not path.exists():
        return True
    check = '[ -r "$1" ] && { [ ! -d "$1" ] || [ -x "$1" ]; }'
    return run(("sh", "-c", check, "sh", str(path.absolute())), account=account, cwd=Path("/")).returncode == 0


def _hand_over(path: Path, folder: Path) -> Path:
    """The file or folder under its own name in a folder of its own; its modes are kept, but for what others must be able to read."""
    folder.mkdir(mode=0o755)
    target = folder / path.name
    if path.is_dir():
        shutil.copytree(path, target)
        for entry in (target, *target.rglob("*")):
            entry.chmod(entry.stat().st_mode | (0o755 if entry.is_dir() else 0o444))
        return target
    if path.stat().st_mode & 0o004 and _link(path, target):
        return target
    shutil.copyfile(path, target)
    target.chmod(0o644)
    return target


def _link(path: Path, target: Path) -> bool:
    """Whether a second name could be made; on another disk it cannot."""
    try:
        os.link(path, target)
    except OSError:
        return False
    return True
