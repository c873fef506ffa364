"""Programs' sources from a public git repository, at one commit."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from esd_localsite.errors import LocalSiteError
from esd_localsite.state.programs import environment, find_program

_FETCH_TIMEOUT_S = 300


@dataclass(frozen=True)
class Repository:
    """A repository, the commit, what it is (for messages), and what to do if it does not answer."""

    url: str
    commit: str
    what: str
    advice: str

    def fetch(self, clone: Path) -> None:
        """Put the files of the commit into the empty folder `clone`. Raises LocalSiteError."""
        self._git(("init", "-q", str(clone)))
        self._git(("-C", str(clone), "fetch", "-q", "--depth", "1", self.url, self.commit))
        self._git(("-C", str(clone), "checkout", "-q", "FETCH_HEAD"))
        shutil.rmtree(clone / ".git")

    def _git(self, arguments: tuple[str, ...]) -> None:
        program = find_program("git")
        if program is None:
            raise LocalSiteError(f"git must fetch {self.what}, and this machine lacks it (Debian package: git); or {self.advice}")
        quiet = environment({"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "0"})
        try:
            finished = subprocess.run(
                (program, *arguments),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                env=quiet,
                check=False,
                timeout=_FETCH_TIMEOUT_S,
            )
        except subprocess.TimeoutExpired as error:
            raise LocalSiteError(f"{self.url} did not answer within {_FETCH_TIMEOUT_S} s: {self.advice}") from error
        if finished.returncode != 0:
            reason = finished.stderr.strip().splitlines()[-1:] or ["it said nothing"]
            raise LocalSiteError(f"cannot fetch {self.what} from {self.url}: {reason[0]}; {self.advice}")
