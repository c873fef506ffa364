"""The one place where esd-build runs outside programs, and as whom."""

import os
import pwd
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from esd_build.data.errors import ToolError

BUILD_USER = "esd"
_GRACE_S = 10


@dataclass(frozen=True)
class Account:
    """The account that container tools run as."""

    name: str
    uid: int
    gid: int
    home: Path

    @classmethod
    def current(cls) -> "Account":
        """The caller's account, or the unprivileged build user where the caller is root.

        Apptainer's builds and containers need no root, and refuse to work as a root without all its capabilities.
        """
        if os.geteuid() != 0:
            entry = pwd.getpwuid(os.geteuid())
        else:
            try:
                entry = pwd.getpwnam(BUILD_USER)
            except KeyError as error:
                raise ToolError(f"no user '{BUILD_USER}' to run builds as (root does not build images); run `make setup`") from error
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid, Path(entry.pw_dir))

    @property
    def is_other(self) -> bool:
        """True if programs must change from the caller's account to this one."""
        return os.geteuid() != self.uid

    def own(self, *paths: Path) -> None:
        """Give files and folders (with all that is in them) to this account; nothing to do for the caller's own."""
        for path in paths if self.is_other else ():
            for entry in (path, *path.rglob("*")):
                os.chown(entry, self.uid, self.gid, follow_symlinks=False)


@dataclass(frozen=True)
class Finished:
    """How a program ended, and the last lines that it printed (standard output and error as one stream)."""

    returncode: int
    tail: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(self.tail)


def run(
    argv: Sequence[str],
    *,
    account: Account | None = None,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    on_line: Callable[[str], None] = lambda _line: None,
    keep_lines: int = 2000,
) -> Finished:
    """Run one program to its end, passing each line that it prints to `on_line`.

    Raises ToolError if it cannot be started. A non-zero exit is returned, not raised: only the caller knows what it means.
    """
    change = account if account is not None and account.is_other else None
    variables = {**os.environ, **({"HOME": str(change.home), "USER": change.name} if change else {}), **(environment or {})}
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=variables,
            process_group=0,
            cwd=cwd or (change.home if change else None),
            user=change.uid if change else None,
            group=change.gid if change else None,
            extra_groups=[] if change else None,
        )
    except OSError as error:
        raise ToolError(f"cannot run {argv[0]}: {error.strerror}; run `make setup`") from error
    tail: deque[str] = deque(maxlen=keep_lines)
    with process, _ended_with_us(process):
        for line in process.stdout or ():
            tail.append(line.rstrip())
            on_line(tail[-1])
    return Finished(process.returncode, tuple(tail))


def remove_as(account: Account, paths: Sequence[Path]) -> None:
    """Remove what a rootless build left: in a user namespace, because some of it belongs to the account's subordinate ids."""
    if paths:
        run(("unshare", "--map-root-user", "--map-auto", "rm", "-rf", "--", *map(str, paths)), account=account)


@contextmanager
def _ended_with_us(process: "subprocess.Popen[str]") -> Iterator[None]:
    """On Ctrl-C, or any other reason to leave, end the program with all its children."""
    try:
        yield
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=_GRACE_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        raise
