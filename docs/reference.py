"""Writes the reference pages that are generated from the programs: `make reference`. A test fails if a page differs."""

import html
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import typer.main
from typer.cli import get_docs_for_click

from esd_build.cli import app as build_app
from esd_deploy.cli import app as deploy_app
from esd_deploy.records.record import RunRecord
from esd_deploy.sites.config import schema

FOLDER = Path(__file__).parent / "reference"
SCHEMA = Path(__file__).parents[1] / "site-configs" / "schema.json"
PROGRAMS = {"esd-deploy": deploy_app, "esd-build": build_app}


def pages() -> Mapping[Path, str]:
    """Every generated page, and the schema of site files for editors, with its text."""
    editors = json.dumps(schema(), indent=2) + "\n"
    return {
        FOLDER / "commands.md": commands(),
        FOLDER / "site-files.md": site_files(),
        FOLDER / "run-record.md": run_record(),
        SCHEMA: editors,
    }


def commands() -> str:
    """All commands of both programs with their options, as `--help` tells them."""
    programs = [_program(name, app).strip() for name, app in PROGRAMS.items()]
    return "\n\n".join(["# Commands", *programs]) + "\n"


def _program(name: str, app: typer.Typer) -> str:
    """One program's commands, as Typer's own `typer … utils docs` writes them."""
    command = shown(typer.main.get_command(app))
    return html.unescape(get_docs_for_click(obj=command, ctx=typer.Context(command, info_name=name), name=name, indent=1))


def shown(command: Any) -> Any:
    """A command without its hidden ones, which Typer would write too."""
    if hasattr(command, "commands"):
        command.commands = {name: shown(one) for name, one in command.commands.items() if not one.hidden}
    return command


def site_files() -> str:
    """The keys of a site's file, from its model."""
    found = schema()
    parts = ["# Site files", "Keys of `site-configs/<site>.yaml`. Unknown keys are refused.", _table(found)]
    definitions = cast("dict[str, Mapping[str, Any]]", found["$defs"])
    parts += [
        f"## {name}\n\n{_plain(part.get('description', ''))}\n\n{_table(part)}"
        for name, part in definitions.items()
        if "properties" in part
    ]
    return "\n\n".join(parts) + "\n"


def run_record() -> str:
    """The keys of run.json, from its model."""
    found = RunRecord.model_json_schema()
    head = (
        "Keys of `runs/<id>/run.json`. Others rely on them; more may be added, none is removed or renamed. Times are UTC, sizes are bytes."
    )
    parts = ["# run.json", head, _table(found)]
    parts += [
        f"## {name}\n\n{_plain(part.get('description', ''))}\n\n{_table(part)}"
        for name, part in found.get("$defs", {}).items()
        if "properties" in part
    ]
    return "\n\n".join(parts) + "\n"


def _table(part: Mapping[str, Any]) -> str:
    rows = [f"| `{key}` | {_type(value)} | {_plain(value.get('description', ''))} |" for key, value in part["properties"].items()]
    return "\n".join(["| key | type | |", "|---|---|---|", *rows])


def _type(value: Mapping[str, Any]) -> str:
    if "anyOf" in value:
        return " or ".join(_type(one) for one in value["anyOf"])
    if "$ref" in value:
        return str(value["$ref"]).rpartition("/")[2]
    if "enum" in value:
        return ", ".join(f"`{word}`" for word in value["enum"])
    if value.get("type") == "array":
        return f"list of {_type(value.get('items', {}))}"
    if value.get("type") == "object" and isinstance(value.get("additionalProperties"), dict):
        return f"name: {_type(value['additionalProperties'])}"
    return str(value.get("type", "any"))


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().replace("|", r"\|")


def main() -> None:
    """Write the pages that differ and name them."""
    for path, text in pages().items():
        if not path.is_file() or path.read_text() != text:
            path.write_text(text)
            sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
