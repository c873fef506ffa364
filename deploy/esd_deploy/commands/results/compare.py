"""The command `esd-deploy compare A B`."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from esd_build.net.words import say
from esd_deploy.commands.shared import options
from esd_deploy.commands.shared.console import out
from esd_deploy.commands.shared.running import RunFailedError
from esd_deploy.records import record
from esd_deploy.records.record import RUNS
from esd_deploy.several import selection
from esd_deploy.studies.compare import Comparison, Line, Tolerance, compare, spike_hash

app = typer.Typer()


@app.command("compare")
def compare_command(
    a: options.RunId,
    b: options.RunId,
    *,
    rate: Annotated[float, typer.Option(min=0, help="Allowed difference of rates, as a share.")] = 0.1,
    coefficient: Annotated[float, typer.Option(min=0, help="Allowed difference of CVs and of correlations.")] = 0.05,
    output: options.Output = RUNS,
    as_json: options.Json = False,
) -> None:
    """Compare two runs: rates, CV, correlation, spikes, versions. Exit code 1 if their statistics disagree."""
    a, b = selection.one(output, a), selection.one(output, b)
    records = [record.load(output, run_id) for run_id in (a, b)]
    hashes = [spike_hash(output / run_id) for run_id in (a, b)]
    found = compare(records[0], records[1], Tolerance(rate, coefficient), spikes=(hashes[0], hashes[1]))
    if as_json:
        say(json.dumps({**asdict(found), "agree": found.agree, "same_spikes": found.same_spikes}, indent=2))
    else:
        out.print(table(found))
    if not found.agree:
        raise RunFailedError(f"the statistics of {a} and {b} do not agree")


def table(found: Comparison) -> Table:
    """Both runs, statistics first."""
    result = Table("", found.a, found.b, "", title_justify="left")
    for line in found.statistics:
        result.add_row(line.name, *map(_shown, (line.a, line.b)), line.verdict)
    result.add_section()
    for line in found.versions:
        result.add_row(*_version_row(line))
    return result


def _version_row(line: Line) -> tuple[str, str, str, str]:
    return (f"version of {line.name}", _shown(line.a), _shown(line.b), line.verdict)


def _shown(value: float | str | None) -> str:
    return "-" if value is None else value if isinstance(value, str) else f"{value:.6g}"
