"""esd-deploy as it is typed, at one site, with a state folder of its own: its logins are nobody else's."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.real.person import Person

WAIT_S = 400


@dataclass(frozen=True)
class Deploy:
    """The commands. `site` is the text of the site's file."""

    folder: Path
    site: str

    @property
    def site_file(self) -> str:
        path = self.folder / "here.yaml"
        if not path.exists():  # a client that begins just now may be reading it
            path.write_text(self.site)
        return str(path)

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "COLUMNS": "300", "ESD_STATE_DIR": str(self.folder / "state")}

    def argv(self, command: str, *arguments: str) -> tuple[str, ...]:
        program = str(Path(sys.executable).with_name("esd-deploy"))
        return (program, command, "--site", self.site_file, *arguments)

    def begin(self, command: str, *arguments: str) -> "subprocess.Popen[str]":
        """A command that goes on; its output is one stream."""
        argv, streams = self.argv(command, *arguments), {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(argv, cwd=self.folder, env=self.environment, text=True, **streams)

    def __call__(self, command: str, *arguments: str, code: int = 0) -> str:
        """Everything that it said."""
        return ended(self.begin(command, *arguments), code)

    def log_in(self, person: Person, code: int = 0) -> str:
        """By device code, confirmed by somebody in a browser."""
        begun = self.begin("login", "--client-id", "esd-deploy")
        assert begun.stdout
        lines = iter(begun.stdout)  # what the site file names may come first
        page = next((found for line in lines if (found := re.search(r"https://\S*user_code=\S+", line))), None)
        assert page, "the login named no page"
        person.confirm(page[0])
        return ended(begun, code)

    def script(self, text: str) -> str:
        path = self.folder / "net.py"
        path.write_text(text)
        return str(path)

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_text()) for path in sorted(self.folder.glob("runs/*/run.json"))]

    def result(self, name: str) -> str:
        (found,) = self.folder.glob(f"runs/*/{name}")
        return found.read_text()


def ended(begun: "subprocess.Popen[str]", code: int = 0) -> str:
    """Waits for a command; what it said (and had not been read)."""
    try:
        said, _ = begun.communicate(timeout=WAIT_S)
    except subprocess.TimeoutExpired:
        begun.kill()
        raise
    assert begun.returncode == code, said
    return said
