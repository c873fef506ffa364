"""Jobs that are run as probes, all at once: what is asked for, and what is looked at when they have ended."""

import time
from dataclasses import dataclass, field
from typing import Any

from tests.contract.web import BYTES, Web

ENDED = {"SUCCESSFUL", "FAILED"}
LONGEST_S = 600
_SHOWN = ("stdout", "stderr", "ran.txt", ".UNICORE_PRE_0/stdout", ".UNICORE_PRE_0/stderr")
_QUOTES = {"ESD_Q": 'a"b', "ESD_B": "`echo x`", "ESD_H": "$HOME", "ESD_D": "a\\b"}

JOBS: dict[str, dict[str, object]] = {
    "date": {"ApplicationName": "Date"},
    "inline import": {"Executable": "cat a/b.txt", "Imports": [{"To": "a/b.txt", "Data": ["one", "two"]}]},
    "inline import of no name": {"Executable": "true", "Imports": [{"From": "inline://", "To": "a", "Data": "b"}]},
    # --- exit codes, shells, quoting
    "exit 7": {"Executable": "exit 7"},
    "bash exit 7": {"Executable": "bash", "Arguments": ["-c", "'exit 7'"]},
    "ignored exit code": {"Executable": "false", "IgnoreNonZeroExitCode": "true"},
    "pre fails": {"Executable": "true", "User precommand": "bash -c 'echo said; exit 3'"},
    "pre fails, ignored": {"Executable": "true", "User precommand": "bash -c 'exit 3'", "UserPrecommandIgnoreNonZeroExitCode": "true"},
    "pre exits": {"Executable": "true", "User precommand": "exit 3"},
    "pre two lines": {"Executable": "true", "User precommand": "false\ntrue"},
    "pre list fails": {"Executable": "true", "User precommand": ["true", "false"]},
    "pre output": {"Executable": "true", "User precommand": "echo first\necho last"},
    "pre inline exports": {
        "Executable": "echo",
        "Arguments": ["$A"],
        "User precommand": "export A=1",
        "RunUserPrecommandOnLoginNode": "false",
    },
    "post inline": {"Executable": "true", "User postcommand": "echo after", "RunUserPostcommandOnLoginNode": "false"},
    "post fails": {"Executable": "true", "User postcommand": "false"},
    "post fails, ignored": {"Executable": "true", "User postcommand": "false", "UserPostcommandIgnoreNonZeroExitCode": "true"},
    "login fails": {"Executable": "bash", "Arguments": ["-c", "'exit 5'"], "Job type": "ON_LOGIN_NODE"},
    "quotes in executable": {"Executable": 'echo "a b" $(echo ran >> ran.txt)'},
    "environment": {"Executable": "env", "Environment": dict(_QUOTES)},
    "environment list": {"Executable": "echo", "Arguments": ["$A", "$B"], "Environment": ["A=1", "B=x y"]},
    "parameters": {"Executable": "echo", "Arguments": ["$P"], "Parameters": {"P": "v"}},
    "number in environment": {"Executable": "true", "Environment": {"N": 1}},
    "user in text": {"Executable": "echo", "Arguments": ["'$USERX'", "'$HOME'", "'${HOME}'", "'$LOGNAME'"]},
    "server's variables": {"Executable": "echo", "Arguments": ["$UC_EXECUTABLE", "$UC_NODES", "$(umask)", "${PATH##*:}"]},
    "stdout elsewhere": {"Executable": "echo", "Arguments": ["x"], "Stdout": "ran.txt"},
    "empty": {},
    # --- what is refused
    "unknown application": {"ApplicationName": "Nothing"},
    "nodes 7": {"Executable": "true", "User precommand": "touch ran", "Resources": {"Nodes": "7"}},
    "unknown queue": {"Executable": "true", "Resources": {"Queue": "nowhere"}},
    "unknown resource": {"Executable": "true", "Resources": {"Nonsense": "1"}},
    "bad unit": {"Executable": "true", "Resources": {"Runtime": "10 parsecs"}},
    "units": {"Executable": "true", "Resources": {"Runtime": "1.5min", "MemoryPerNode": "512m"}},
    "words for units": {"Executable": "true", "Resources": {"Runtime": "2 min"}},
    "gpus": {"Executable": "true", "Resources": {"GPUsPerNode": "1", "Memory": "8G"}},
    "comment": {"Executable": "true", "Resources": {"Comment": "hello"}},
    "nodes no number": {"Executable": "true", "Resources": {"Nodes": "many"}},
    "runtime too long": {"Executable": "true", "Resources": {"Runtime": "100d"}},
}
"""Name → description."""


@dataclass
class Probes:
    """The jobs, submitted together and looked at one after the other."""

    web: Web
    urls: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Submit all."""
        self.urls = {name: self.web.submit(description) for name, description in JOBS.items()}

    def stop(self) -> None:
        """Remove all."""
        for url in self.urls.values():
            self.web.ask("DELETE", url)

    def ended(self, name: str) -> Any:
        """What came of a job: its end, and its files."""
        url, end = self.urls[name], time.monotonic() + LONGEST_S
        while (seen := self.web.json(url))["status"] not in ENDED:
            assert time.monotonic() < end, seen["log"]
            time.sleep(0.2)
        told = {"ended": seen["status"], "message": seen["statusMessage"], "exit": seen.get("exitCode"), "jobType": seen["jobType"]}
        return self.web.masked({**told, **self._files(seen["_links"]["workingDirectory"]["href"])})

    def _files(self, folder: str) -> dict[str, object]:
        answer = self.web.ask("GET", f"{folder}/files")
        if answer.status_code != 200:
            return {"files": answer.status_code}
        found: dict[str, object] = {"files": sorted(answer.json()["content"])}
        for name in _SHOWN:
            text = self.web.ask("GET", f"{folder}/files/{name}", headers=BYTES)
            if text.status_code == 200 and not _is_volatile(text.text):
                found[name] = text.text[:400]
        return found


def _is_volatile(text: str) -> bool:
    """The output of `date`, and a whole environment."""
    return " UTC 20" in text or "SLURM_" in text
