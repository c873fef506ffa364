"""The lists of commands that `--help` shows: they say what the commands say, no command is missing, and to show them loads no command."""

import pkgutil
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.main

from esd_build.cli import app as build_app
from esd_build.commands.menu import PANELS as BUILD
from esd_build.program.menu import Entry
from esd_deploy.cli import app as deploy_app
from esd_deploy.commands.menu import PANELS as DEPLOY

MENUS = {"esd_deploy": DEPLOY, "esd_build": BUILD}
APPS = {"esd_deploy": deploy_app, "esd_build": build_app}
LISTED = [(program, entry) for program, panels in MENUS.items() for panel in panels.values() for entry in panel]
NEVER = frozenset({
    "asyncio", "cryptography", "docker", "esd_localsite", "httpx", "jinja2", "jwt", "matplotlib", "nacl", "neo", "numpy", "oras",
    "pathspec", "pyunicore", "requests", "rocrate", "ruamel", "spython", "starlette", "tenacity", "urllib3", "wcmatch",
})  # fmt: skip
"""Libraries that a list of names needs none of; each of them costs a user's first second."""
LOADED = """
import sys
from importlib import import_module
program, *sys.argv[1:] = sys.argv[1:]
try:
    import_module(f"{program}.start").main()
except SystemExit as end:
    assert not end.code, end
print(*sorted(sys.modules), file=sys.stderr)
"""


def commands(program: str) -> Mapping[str, Any]:
    """All commands of a program, loaded."""
    found: Mapping[str, Any] = typer.main.get_group(APPS[program]).commands
    return found


@pytest.mark.parametrize(("program", "entry"), LISTED, ids=lambda one: one if isinstance(one, str) else one.name)
def test_the_list_says_what_the_command_says(program: str, entry: Entry) -> None:
    command = commands(program)[entry.name]
    first = " ".join((command.help or "").split("\n\n")[0].split())
    assert (entry.sentence, command.hidden) == ((first, False) if entry.sentence else ("", True))


def groups(program: str) -> Mapping[str, typer.Typer]:
    """Module → its group of commands, of all modules that have one."""
    room = import_module(f"{program}.commands")
    names = [found.name for found in pkgutil.walk_packages(room.__path__, f"{room.__name__}.")]
    found = {name.removeprefix(f"{room.__name__}."): getattr(import_module(name), "app", None) for name in names}
    return {name: app for name, app in found.items() if isinstance(app, typer.Typer)}


@pytest.mark.parametrize("program", MENUS)
def test_no_command_is_missing_in_the_list(program: str) -> None:
    found = groups(program)
    inner = [one.typer_instance for app in found.values() for one in app.registered_groups]
    for module, app in found.items():
        listed = {entry.name for panel in MENUS[program].values() for entry in panel if entry.module == module}
        own = set(typer.main.get_group(app).commands)
        is_group = len(listed) == 1 and not listed & own
        assert listed == own or is_group or app in inner, f"{module}: the list has {listed}, the module {own}"


def loaded(program: str, *arguments: str) -> set[str]:
    """The modules that a call of the program has loaded when it ends."""
    code = (sys.executable, "-c", LOADED, program, *arguments)
    return set(subprocess.run(code, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True).stderr.split())


@pytest.mark.integration
@pytest.mark.parametrize("call", ["esd_deploy --help", "esd_build --help", "esd_deploy list"])
def test_a_list_loads_no_more_than_it_shows(call: str, tmp_path: Path) -> None:
    folder = ("--output", str(tmp_path)) if call.endswith("list") else ()

    found = loaded(*call.split(), *folder)

    assert {name.partition(".")[0] for name in found} & NEVER == set()
    assert ("pydantic" in found) == call.endswith("list"), "the list reads records, --help reads nothing"
    assert call.endswith("list") or {"importlib.metadata", "markdown_it", "pydantic_core", "pygments"} & found == set()
    own = {name for name in found if re.match(r"esd_(deploy|build)\.commands\.(?!shared|menu)", name)}
    assert own == ({"esd_deploy.commands.follow", "esd_deploy.commands.follow.list"} if call.endswith("list") else set())
