"""A server of the tests: started as an account without rights, waited for, ended with all its children."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from esd_build.tools.process import Account

GRACE_S = 20
STEP_S = 0.2


@dataclass
class Server:
    """One process group, with its log. `environment` may hold secrets: nothing of it is shown."""

    name: str
    argv: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str] = field(repr=False, default_factory=dict)
    ready: Callable[[], bool] = lambda: True
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def start(self, seconds: float = 400) -> None:
        """Raises AssertionError, with the log's end, where it does not get ready."""
        account = Account.current()
        changes = {"user": account.uid, "group": account.gid, "extra_groups": []} if account.is_other else {}
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.folder), **self.environment}
        with self.log.open("ab") as log:
            streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
            self.process = subprocess.Popen(self.argv, cwd=self.folder, env=environment, start_new_session=True, **streams, **changes)
        end = time.monotonic() + seconds
        while not self.ready():
            assert self.process.poll() is None, f"{self.name} ended: {self.said()}"
            assert time.monotonic() < end, f"{self.name} is not ready after {seconds:.0f} s: {self.said()}"
            time.sleep(STEP_S)

    def said(self) -> str:
        """The log's end."""
        return self.log.read_text(errors="replace")[-3000:]

    def stop(self) -> None:
        """As one stops a service; what does not end by itself is killed."""
        if self.process is None:
            return
        self._signal(signal.SIGTERM)
        try:
            self.process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return
