"""One name, one meaning, over all commands of both programs; the glossary in docs/architecture.md says which."""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.main

from esd_build.cli import app as build_app
from esd_build.program import renamed
from esd_deploy.cli import app as deploy_app
from esd_localsite.commands.local import app as local_app

PAGE = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text()
PROGRAMS = {"esd-build": build_app, "esd-deploy": deploy_app, "esd-deploy local": local_app}


def commands(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Every command below one, hidden ones too, with all its words."""
    for word, below in getattr(command, "commands", {}).items():
        yield f"{name} {word}", below
        yield from commands(f"{name} {word}", below)


COMMANDS = dict(found for name, app in PROGRAMS.items() for found in commands(name, typer.main.get_command(app)))
RENAMED = dict(re.findall(r"^\| `(esd-[^`]*)` \| `(esd-[^`]*)` \|$", PAGE, re.MULTILINE))
SHARED = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \| [^|]+ \|$", PAGE.split("| Verb | Meaning |")[1], re.MULTILINE))


def test_a_name_that_two_commands_share_is_explained() -> None:
    places = defaultdict(list)
    for name, command in COMMANDS.items():
        if not command.hidden:
            places[name.rpartition(" ")[2]].append(name)

    assert {word for word, names in places.items() if len(names) > 1} == set(SHARED), "see 'Glossary' in docs/architecture.md"


@pytest.mark.parametrize("old", [name for name, command in COMMANDS.items() if command.hidden])
def test_an_old_name_is_in_the_table_and_says_the_new_one(old: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Told(Exception):  # noqa: N818 - ends the command before it does anything
        pass

    def told(*names: str) -> None:
        raise Told(names)

    monkeypatch.setattr(renamed, "told", told)

    with pytest.raises(Told) as said:
        COMMANDS[old].callback()
    assert said.value.args == ((old, RENAMED[old]),)
    assert [one.name for one in COMMANDS[old].params] == [one.name for one in COMMANDS[RENAMED[old]].params]


def test_an_old_option_is_hidden_and_its_new_name_is_there() -> None:
    for old, new in ((old.split(" --"), new.split(" --")) for old, new in RENAMED.items() if " --" in old):
        options = {name: one for one in COMMANDS[old[0]].params for name in one.opts}
        assert options[f"--{old[1]}"].hidden
        assert not options[f"--{new[1]}"].hidden


def test_every_new_name_of_the_table_exists() -> None:
    assert {new.partition(" --")[0] for new in RENAMED.values()} <= COMMANDS.keys()
