"""The job user: programs and file accesses with that account's rights, from an endpoint that may be root."""

import contextlib
import ctypes
import os
import pwd
import select
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from esd_localsite.errors import LocalSiteError

_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
_LIBC = ctypes.CDLL(None, use_errno=True)
_ASK = 2**32 - 1  # setfsuid(-1) changes nothing and answers the present value


@dataclass(frozen=True)
class Account:
    """The account that owns all jobs. `changes`: programs and file accesses have to change to it first."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: Path
    changes: bool

    @classmethod
    def of(cls, name: str | None) -> Self:
        """The named account, or the endpoint's own. Raises LocalSiteError where that is impossible."""
        try:
            entry = pwd.getpwuid(os.geteuid()) if name is None else pwd.getpwnam(name)
        except KeyError as error:
            raise LocalSiteError(f"the UNICORE endpoint's run_as names '{name}', and this machine has no such user") from error
        changes = name is not None and entry.pw_uid != os.geteuid()
        if changes and os.geteuid() != 0:
            raise LocalSiteError(f"only root can run jobs as '{name}': start the endpoint as root, or set run_as to null")
        groups = tuple(os.getgrouplist(entry.pw_name, entry.pw_gid)) if changes else ()
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid, groups, Path(entry.pw_dir), changes)

    def take_groups(self) -> None:
        """Give the whole endpoint the job user's groups, so that root's own groups open nothing to `file_rights`."""
        if self.changes:
            os.setgroups(self.groups)

    @contextlib.contextmanager
    def file_rights(self) -> Iterator[None]:
        """File accesses of this thread are the job user's: what links lead to is judged by the kernel, and new files are that user's.

        Linux keeps the file-system uid per thread for servers like this one; leaving root's also drops root's file capabilities.
        """
        if not self.changes:
            yield
            return
        _LIBC.setfsgid(self.gid)
        _LIBC.setfsuid(self.uid)
        try:
            if (_LIBC.setfsuid(_ASK), _LIBC.setfsgid(_ASK)) != (self.uid, self.gid):
                raise LocalSiteError(f"the UNICORE endpoint could not take the file rights of '{self.name}'")
            yield
        finally:
            _LIBC.setfsuid(os.geteuid())
            _LIBC.setfsgid(os.getegid())

    def environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        """A login's variables and `extra`; nothing of the endpoint's own."""
        own = {"HOME": str(self.home), "USER": self.name, "LOGNAME": self.name, "SHELL": "/bin/bash", "PATH": _PATH, "LANG": "C.UTF-8"}
        return {**own, **extra}

    def run(self, argv: Sequence[str], *, environment: Mapping[str, str], cwd: Path, timeout: float) -> subprocess.CompletedProcess[str]:
        """Run a short command to its end. Raises OSError and subprocess.TimeoutExpired."""
        return subprocess.run(
            argv,
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            cwd=cwd,
            env=self.environment(environment),
            timeout=timeout,
            user=self.uid if self.changes else None,
            group=self.gid if self.changes else None,
            extra_groups=self.groups if self.changes else None,
        )


@dataclass(frozen=True)
class Process:
    """A process that can be found again after a restart of the endpoint: its id alone may be another's by then."""

    pid: int
    start: int
    """Start time in clock ticks since boot."""

    @classmethod
    def parse(cls, text: str) -> Self:
        pid, start = text.split("@")
        return cls(int(pid), int(start))

    def __str__(self) -> str:
        return f"{self.pid}@{self.start}"

    @property
    def is_alive(self) -> bool:
        return _start_time(self.pid) == self.start

    def stop(self, grace: float) -> None:
        """End the process and its group: SIGTERM, after `grace` seconds SIGKILL."""
        if not self.is_alive:
            return
        with contextlib.suppress(ProcessLookupError):
            watch = os.pidfd_open(self.pid)
            try:
                os.killpg(self.pid, signal.SIGTERM)
                select.select([watch], [], [], grace)
                os.killpg(self.pid, signal.SIGKILL)
            finally:
                os.close(watch)


@dataclass
class Launcher:
    """Starts commands that outlive the endpoint, each as the leader of its own session."""

    account: Account
    _children: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def start(self, argv: Sequence[str], *, environment: Mapping[str, str], cwd: Path) -> Process:
        """Raises OSError where the command cannot be started."""
        account = self.account
        child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=cwd,
            env=account.environment(environment),
            start_new_session=True,
            user=account.uid if account.changes else None,
            group=account.gid if account.changes else None,
            extra_groups=account.groups if account.changes else None,
        )
        process = Process(child.pid, _start_time(child.pid, zombies=True) or 0)
        self._children.append(child)
        return process

    def reap(self) -> None:
        """Let the kernel forget the children that ended."""
        self._children[:] = [child for child in self._children if child.poll() is None]


def _start_time(pid: int, *, zombies: bool = False) -> int | None:
    """Start time of a process; None where there is none, or only its exit status is left."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(fields[19]) if zombies or fields[0] not in {"Z", "X"} else None
