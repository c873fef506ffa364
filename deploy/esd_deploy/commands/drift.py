"""The command `esd-deploy drift`: the same probe in each stack, side by side."""

import html
import importlib.resources
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from esd_build.data.errors import EsdError, ToolError, UsageError
from esd_build.data.project import Project
from esd_build.net.words import say
from esd_deploy.commands import options
from esd_deploy.commands.console import out
from esd_deploy.commands.running import RunFailedError
from esd_deploy.display.progress import Display, display
from esd_deploy.plans.request import Request
from esd_deploy.runs.run import Run
from esd_deploy.runs.site import RUNS, Site
from esd_deploy.sites.catalogue import Catalogue
from esd_deploy.sites.config import Mode, SiteConfig
from esd_deploy.studies import drift
from esd_deploy.studies.drift import Drift, Row, Stack

app = typer.Typer()


@app.command("drift")
def drift_command(  # noqa: PLR0913 - each parameter is an option of the command line
    *,
    sites: Annotated[str, typer.Option(help="Sites, separated by commas: names, or YAML files.")],
    image: options.Image = None,
    modules: Annotated[bool, typer.Option("--modules/--no-modules", help="Also compare the sites' own modules, if a site has any.")] = True,
    partition: options.PartitionName = None,
    account: options.Account = None,
    output: options.Output = RUNS,
    as_json: options.Json = False,
    json_file: Annotated[Path | None, typer.Option(help="Write the JSON here as well.")] = None,
    html_file: Annotated[Path | None, typer.Option("--html", help="Write a page.")] = None,
) -> None:
    """Compare versions, and the spikes of one seed, between the stacks of several sites. Exit code 1 on drift."""
    with display(quiet=as_json) as steps:
        question = Question(image, partition, account, modules=modules)
        stacks = tuple(_ask([name for name in sites.split(",") if name], question, output, steps))
    found = drift.judge(stacks, pins(image))
    document = json.dumps({**asdict(found), "drifts": found.drifts}, indent=2)
    if json_file:
        json_file.write_text(document + "\n", encoding="utf-8")
    if html_file:
        html_file.write_text(page(found), encoding="utf-8")
    if as_json:
        say(document)
    else:
        out.print(table(found))
    _conclude(found)


def pins(image: str | None) -> Mapping[str, str]:
    """The pins of the image's environment; none for an image that this checkout does not define."""
    if image is None:
        return {}
    name, _, environment = image.rsplit("/", 1)[-1].partition("@")[0].partition(":")
    try:
        found = Project(Catalogue.find().root).environment(environment or "edge").of(name)
    except EsdError:
        return {}
    return {key: pin.version for key, pin in found.pins.items()}


def _conclude(found: Drift) -> None:
    if found.drifts:
        differing = ", ".join(row.component for row in found.rows if row.verdict == "differs")
        raise RunFailedError(f"the stacks drift apart: {differing}")
    if found.unknown:
        raise ToolError("some stacks did not answer; no drift among the others\n" + "\n".join(s.problem for s in found.stacks if s.problem))


@dataclass(frozen=True)
class Question:
    """The request for every site."""

    image: str | None
    partition: str | None = None
    account: str | None = None
    modules: bool = True

    def modes(self, site: SiteConfig) -> tuple[Mode, ...]:
        """The modes in which a site has a stack. Raises UsageError for a site that has none."""
        wanted: dict[Mode, bool] = {"module": self.modules and bool(site.modules), "container": self.image is not None}
        if not any(wanted.values()):
            raise UsageError(f"site '{site.name}': no stack to compare; give --image, or `modules` in its configuration")
        return tuple(mode for mode, is_wanted in wanted.items() if is_wanted)

    def request(self, script: Path, mode: Mode) -> Request:
        """The probe as a run."""
        image = self.image if mode == "container" else None
        return Request(script, image=image, mode=mode, partition=self.partition, account=self.account, tags=("drift",))


def _ask(sites: list[str], question: Question, output: Path, steps: Display) -> Iterator[Stack]:
    """Start the probe everywhere, then wait: the sites work at the same time."""
    begun: list[tuple[Run | None, Stack]] = []
    for name in sites:
        place = Site.load(name)
        begun += [_begin(place, mode, question, output, steps) for mode in question.modes(place.config)]
    for run, problem in begun:
        yield problem if run is None else _end(run)


def _begin(place: Site, mode: Mode, question: Question, output: Path, steps: Display) -> tuple[Run | None, Stack]:
    known = Stack(place.config.name, mode, question.image if mode == "container" else None)
    probe = importlib.resources.files("esd_deploy") / "job" / "drift.py"
    try:
        with importlib.resources.as_file(probe) as script:
            run = place.start(place.plan(question.request(script, mode)), runs=output, display=steps)
        run.submit()
    except EsdError as error:
        return None, Stack(known.site, mode, known.image, problem=str(error))
    return run, known


def _end(run: Run) -> Stack:
    try:
        run.wait()
    except EsdError as error:
        return Stack(run.record.site, run.record.mode, problem=str(error), run_id=run.id)
    return drift.stack(run.record, run.folder)


def table(found: Drift) -> Table:
    """Components down, stacks across."""
    result = Table("component", "pin", *(stack.name for stack in found.stacks), "")
    for row in found.rows:
        result.add_row(row.component, row.pin or "-", *(value or "-" for value in row.values), row.verdict)
    for stack in found.stacks:
        if stack.problem:
            result.caption = "\n".join(one.problem for one in found.stacks if one.problem)
    return result


def page(found: Drift) -> str:
    """The same as a page of its own."""
    head = "".join(f"<th>{html.escape(text)}</th>" for text in ("component", "pin", *(stack.name for stack in found.stacks), ""))
    problems = "".join(f"<li>{html.escape(stack.name)}: {html.escape(stack.problem)}</li>" for stack in found.stacks if stack.problem)
    verdict = "The stacks drift apart." if found.drifts else "No drift among the stacks that could be asked."
    rows = "".join(map(_html_row, found.rows))
    return _PAGE.format(verdict=verdict, head=head, rows=rows, problems=f"<ul>{problems}</ul>" if problems else "")


def _html_row(row: Row) -> str:
    cells = "".join(
        f'<td class="{"off" if off else ""}">{html.escape(value or "-")}</td>' for value, off in zip(row.values, row.off_pin, strict=True)
    )
    name, pin = html.escape(row.component), html.escape(row.pin or "-")
    return f'<tr class="{row.verdict}"><th>{name}</th><td>{pin}</td>{cells}<td>{row.verdict}</td></tr>'


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Version drift</title>
<style>
body {{ font: 15px sans-serif; margin: 2em }}
table {{ border-collapse: collapse }}
th, td {{ border: 1px solid #999; padding: .3em .7em; text-align: left }}
tr.differs td:last-child {{ background: #f6c8c0 }}
tr.same td:last-child {{ background: #cfe8cf }}
td.off {{ color: #b00 }}
</style>
<h1>Version drift</h1><p>{verdict}</p>{problems}
<table><tr>{head}</tr>{rows}</table>
</html>
"""
