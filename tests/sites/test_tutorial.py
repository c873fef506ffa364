"""The tutorial `own-script`, typed from an empty folder on a real site. The page itself is read, so it cannot say what does not work."""

import csv
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = [pytest.mark.site, pytest.mark.long]

PAGE = Path(__file__).parents[2] / "docs" / "tutorial" / "own-script.md"
BLOCK = re.compile(r"^```(python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
REPLACED = re.compile(r"In `(\S+)`, replace the line that begins with\s+`([^`]+)`\s+with these lines:\s*\Z")
FAILS = {"esd-deploy image-contents seaborn --site local --image nest": 1}
"""What a command is expected to end with, where that is not 0."""


@dataclass(frozen=True)
class Step:
    """What the page asks of its reader: to write a file, to replace a line of one, or to type a command."""

    kind: str
    text: str
    file: str = ""
    line: str = ""


def steps(page: str) -> Iterator[Step]:
    """Everything up to the steps for another site and for the end, in the page's order."""
    page = page.partition("\n## 7.")[0]
    for found in BLOCK.finditer(page):
        kind, text = found.groups()
        if kind == "console":
            yield from (Step("type", line.removeprefix("$ ")) for line in text.splitlines() if line.startswith("$ "))
        elif named := re.match(r"# (\w+\.py)\n", text):
            yield Step("write", text, named[1])
        elif replaced := REPLACED.search(page[: found.start()]):
            yield Step("replace", text, *replaced.groups())
        else:
            yield Step("notebook", text)


def typed(folder: Path, environment: dict[str, str], command: str) -> str:
    """A command in a shell, as the reader types it."""
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == FAILS.get(command, 0), f"$ {command}\n{done.stdout}{done.stderr}"
    return done.stdout


def replace(path: Path, begins: str, text: str) -> None:
    lines = path.read_text().splitlines(keepends=True)
    [number] = [number for number, line in enumerate(lines) if line.startswith(begins)]
    path.write_text("".join([*lines[:number], text, *lines[number + 1 :]]))


@pytest.fixture
def folder(deploy, with_bill, tmp_path):
    """An empty folder, in which the site is called `local`."""
    sites = tmp_path / "config" / "esd-images" / "sites"
    sites.mkdir(parents=True)
    (sites / "local.yaml").write_text(deploy.site_file.read_text())
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def test_every_command_of_the_tutorial_works_as_typed(folder, capsys):
    environment = {**os.environ, "XDG_CONFIG_HOME": str(folder.parent / "config"), "MPLBACKEND": "agg"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    said = {}
    for step in steps(PAGE.read_text()):
        with capsys.disabled():
            print(f"\n$ {step.text}" if step.kind == "type" else f"\n{step.kind} {step.file}", end="", flush=True)
        if step.kind == "write":
            (folder / step.file).write_text(step.text)
        elif step.kind == "replace":
            replace(folder / step.file, step.line, step.text)
        elif step.kind == "notebook":
            (folder / "notebook.py").write_text(step.text if find_spec("pandas") else step.text.partition("# pandas")[0])
            typed(folder, environment, "python notebook.py")
        else:
            said[step.text] = typed(folder, environment, step.text)

    assert "rate" in said["esd-deploy run rate.py --site local --image nest"]
    assert "Number of OpenMP threads: 2" in typed(folder, environment, "esd-deploy logs $(ls runs | sed -n 2p)")
    assert len(list(folder.glob("runs/*/histogram.png"))) == 2
    rows = list(csv.DictReader(io.StringIO(typed(folder, environment, "esd-deploy list --csv --tag sweep-rate"))))
    rates = {row["param.drive"]: float(row["metric.rate_hz"]) for row in rows}
    assert [*sorted(rates)] == ["380", "400", "420"]
    assert rates["380"] < rates["400"] < rates["420"]
