"""The job user: programs and file accesses with that account's rights, from an endpoint that may be root."""

import contextlib
import ctypes
import dataclasses
import errno
import grp
import os
import platform
import pwd
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Self

from esd_localsite.errors import LocalSiteError

_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
_SETPRIV = "/usr/bin/setpriv"
_LIBC = ctypes.CDLL(None, use_errno=True)
_SYS_SETGROUPS = {"x86_64": 116, "aarch64": 159}
_PRIORITY = "-10"
_ASK = 2**32 - 1  # setfsuid(-1) changes nothing and answers the present value


@dataclass(frozen=True)
class Account:
    """The account that owns a job. `changes`: whether programs and file accesses must switch to it first."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: Path
    changes: bool

    @classmethod
    def of(cls, name: str | None) -> Self:
        """The named account, or the endpoint's own. Raises LocalSiteError if that is impossible."""
        try:
            entry = pwd.getpwuid(os.geteuid()) if name is None else pwd.getpwnam(name)
        except KeyError as error:
            raise LocalSiteError(f"a user of the UNICORE endpoint has the account '{name}', which this machine does not have") from error
        changes = name is not None and entry.pw_uid != os.geteuid()
        if changes and os.geteuid() != 0:
            raise LocalSiteError(f"only root can run jobs as '{name}': start the endpoint as root, or set separate_users to false")
        groups = tuple(os.getgrouplist(entry.pw_name, entry.pw_gid)) if changes else ()
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid, groups, Path(entry.pw_dir), changes)

    @property
    def group_names(self) -> tuple[str, ...]:
        """The groups that the account is in, its own first."""
        numbers = dict.fromkeys((self.gid, *os.getgrouplist(self.name, self.gid)))
        return tuple(entry.gr_name for entry in grp.getgrall() for number in numbers if entry.gr_gid == number)

    def in_group(self, name: str) -> Self:
        """The account with another of its groups as the group of its programs and files. Raises KeyError if it is not a member."""
        if name not in self.group_names:
            raise KeyError(name)
        return dataclasses.replace(self, gid=grp.getgrnam(name).gr_gid)

    @contextlib.contextmanager
    def file_rights(self) -> Iterator[None]:
        """Give this thread the job user's file rights: the kernel checks every access, and new files belong to that user.

        Linux keeps the file-system uid per thread for servers like this one; leaving root's also drops root's file capabilities.
        """
        if not self.changes:
            yield
            return
        _set_thread_groups(self.groups)
        _LIBC.setfsgid(self.gid)
        _LIBC.setfsuid(self.uid)
        try:
            if (_LIBC.setfsuid(_ASK), _LIBC.setfsgid(_ASK)) != (self.uid, self.gid):
                raise LocalSiteError(f"the UNICORE endpoint could not take the file rights of '{self.name}'")
            yield
        finally:
            _LIBC.setfsuid(os.geteuid())
            _LIBC.setfsgid(os.getegid())
            _set_thread_groups(())

    def replaced(self, text: str) -> str:
        """A text or a path as UNICORE's TSI takes it: `$HOME`, `$LOGNAME` and `$USER` are replaced wherever they stand."""
        for variable, value in (("$HOME", str(self.home)), ("$LOGNAME", self.name), ("$USER", self.name)):
            text = text.replace(variable, value)
        return text

    def environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        """A login's variables and `extra`; nothing of the endpoint's own."""
        own = {"HOME": str(self.home), "USER": self.name, "LOGNAME": self.name, "SHELL": "/bin/bash", "PATH": _PATH, "LANG": "C.UTF-8"}
        return {**own, **extra}

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command that runs `argv` with this account's rights. Raises FileNotFoundError if there is no such program.

        By a program of its own, not by Popen's `user`: for that, Python forks, and the kernel copies what the endpoint has in memory.
        With many users at work, this took most of the endpoint's time.
        """
        if not self.changes:
            return list(argv)
        if not shutil.which(argv[0], path=_PATH):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), argv[0])
        groups = f"--groups={','.join(map(str, self.groups))}" if self.groups else "--clear-groups"
        return [_SETPRIV, f"--reuid={self.uid}", f"--regid={self.gid}", groups, "--", *argv]

    def run(self, argv: Sequence[str], *, environment: Mapping[str, str], cwd: Path, timeout: float) -> subprocess.CompletedProcess[str]:
        """Run a short command to its end. Raises OSError and subprocess.TimeoutExpired.

        `environment`: the site's own and never a user's: the program that takes on the account's rights gets it while it is root.
        """
        return subprocess.run(
            self.command(argv),
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            cwd=cwd,
            env=self.environment(environment),
            timeout=timeout,
        )


@cache
def account_of(name: str | None) -> Account:
    """The account of that name, looked up once. Raises LocalSiteError, see `Account.of`."""
    return Account.of(name)


@dataclass(frozen=True)
class Process:
    """A process that the endpoint can find again after a restart. Another process may have its id by then, so it also has a start time."""

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

    _children: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def start(self, account: Account, argv: Sequence[str], *, environment: Mapping[str, str], cwd: Path) -> Process:
        """Start a command. Raises OSError if that fails. `environment`: see `Account.run`."""
        child = subprocess.Popen(
            account.command(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=cwd,
            env=account.environment(environment),
            start_new_session=True,
        )
        process = Process(child.pid, _start_time(child.pid, zombies=True) or 0)
        self._children.append(child)
        return process

    def reap(self) -> None:
        """Reap the children that ended."""
        self._children[:] = [child for child in self._children if child.poll() is None]


def go_first() -> None:
    """As root, the endpoint, which answers everybody, gets more of a busy processor than a session of a user: some have many.

    Many kernels share the processor out between sessions, whatever their processes' nice values; others have no such file.
    """
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(_PRIORITY)


def drop_groups() -> None:
    """Drop root's own groups for the whole endpoint, so that they give no access within `file_rights`."""
    if os.geteuid() == 0:
        os.setgroups(())


def _set_thread_groups(groups: tuple[int, ...]) -> None:
    """Set the supplementary groups of this thread only: the C library's function would change them for all threads."""
    number = _SYS_SETGROUPS.get(platform.machine())
    if number is None:
        return  # without them a user has less access, never more
    if _LIBC.syscall(number, ctypes.c_size_t(len(groups)), (ctypes.c_uint32 * len(groups))(*groups)) != 0:
        raise LocalSiteError(f"the UNICORE endpoint could not take groups: {os.strerror(ctypes.get_errno())}")


def _start_time(pid: int, *, zombies: bool = False) -> int | None:
    """Start time of a process; None if it does not exist or is a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(fields[19]) if zombies or fields[0] not in {"Z", "X"} else None
