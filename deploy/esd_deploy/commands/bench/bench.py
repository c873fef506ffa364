"""The command `esd-deploy bench FILE --site S`: a series of measurements as the field makes them."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from typer.core import TyperGroup

from esd_build.data.paths import shown
from esd_build.net.words import say
from esd_deploy.bench import evaluation, order, series
from esd_deploy.bench.conduct import Measured, Planned, alone_with, conduct
from esd_deploy.bench.order import Where
from esd_deploy.bench.reports import comparison, files, report
from esd_deploy.bench.reports.report import PointRow, Report
from esd_deploy.bench.series import Model, Series
from esd_deploy.commands.shared import options
from esd_deploy.commands.shared.console import out
from esd_deploy.commands.shared.running import Conditions, RunFailedError, allowed, leaving, planned
from esd_deploy.display.progress import display
from esd_deploy.errands import packages
from esd_deploy.records.record import RUNS
from esd_deploy.runs.site import Site
from esd_deploy.sites.catalogue import load_site


class _OrRun(TyperGroup):
    """`bench compare A B` is a command; `bench FILE` means `bench measure FILE`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        return super().resolve_command(ctx, args if args and args[0] in self.commands else ["measure", *args])


app = typer.Typer(cls=_OrRun, no_args_is_help=True, help="Measure a series of points at a site, and write the field's tables and curves.")
SeriesFile = Annotated[Path, typer.Argument(metavar="FILE", help="The series: a YAML file such as benchmarks/balanced-strong.yaml.")]
To = Annotated[Path | None, typer.Option("--to", help="Folder of the tables and the page; default: bench/SERIES-SITE.")]
Again = Annotated[bool, typer.Option("--again", help="Measure also the points that are done.")]
Written = Annotated[Path, typer.Argument(help="A folder that `bench` wrote, or its series.json.")]
OnlyPlan = Annotated[bool, typer.Option("--plan", help="Show the points and what each asks for; submit nothing.")]


@app.command("measure")
def measure(  # noqa: PLR0913 - each parameter is an option of the command line
    file: SeriesFile,
    *,
    site: options.SiteName,
    image: options.Image = None,
    partition: options.PartitionName = None,
    account: options.Account = None,
    plan: OnlyPlan = False,
    output: options.Output = RUNS,
    to: To = None,
    again: Again = False,
    require_signature: options.RequireSignature = False,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Measure a series; `esd-deploy bench FILE` does the same. Repeat the command to go on: what is done is not measured again."""
    wanted, model = series.load(file)
    where = Where(image, partition, account)
    if plan:
        config, _ = load_site(site)
        groups = order.groups(wanted, model, config, where, (output,))
        for group in groups:
            group.request.checked(config)
        show(wanted, model, groups)
        return
    how = Conditions(signed=require_signature, force=force)
    place, todo = ready(site, wanted, model, where, output, how)
    folder = to or files.BENCH / f"{wanted.name}-{place.config.name}"
    found = measured(place, todo, (wanted, model), output, folder, again=again, quiet=as_json)
    say(found.model_dump_json(indent=2)) if as_json else tell(found, folder)
    require_measured(found)


def require_measured(found: Report) -> None:
    """Raises RunFailedError if a point shows nothing."""
    bad = [one for one in found.points if one.outcome != "measured"]
    if bad:
        why = bad[0].reasons[0] if bad[0].reasons else bad[0].outcome
        raise RunFailedError(
            f"{len(bad)} of {len(found.points)} points show nothing; the first, {bad[0].shape} of size {bad[0].size:g}: {why}"
        )


def measured(
    place: Site, todo: Sequence[Planned], what: tuple[Series, Model], output: Path, folder: Path, *, again: bool, quiet: bool
) -> Report:
    """Measure point after point; after each one the files say what is known so far."""
    rest = f"what was measured is kept in {output}; the same command goes on from there"
    points: list[Measured] = []
    total = sum(len(one.group.points) for one in todo)
    with display(quiet=quiet) as steps, alone_with(output, place.config.name), leaving(rest, rest):
        ensured = [replace(one, plan=packages.ensured(place, one.plan, steps.step)) for one in todo]
        for one in conduct(place, ensured, output, steps, again=again, told=steps.step):
            points.append(one)
            found = evaluation.report(*what, points, output, place.config.name)
            files.write(found, folder, whole=len(points) == total)
    return found


@app.command("compare")
def compare(a: Written, b: Written, *, as_json: options.Json = False) -> None:
    """Compare two series: first what differs in how they were made, then the points that both measured."""
    found = comparison.compare(report.read(a), report.read(b))
    if as_json:
        say(json.dumps(asdict(found), indent=2))
        return
    first = Table("metadata", "A", "B", title=f"{len(found.differences)} differences in how they were made", title_justify="left")
    for one in found.differences:
        first.add_row(one.name, one.a, one.b)
    out.print(first)
    second = Table("nodes x tasks x threads", "size", "metric", "A", "B", "A / B", "95 % intervals")
    for each in found.ratios:
        ratio = "-" if each.ratio is None else f"{each.ratio:.3f}"
        apart = {True: "apart", False: "overlap", None: "unknown"}[each.apart]
        second.add_row(each.shape, f"{each.size:g}", each.metric, f"{each.a:.4g}", f"{each.b:.4g}", ratio, apart)
    out.print(second)
    for text in found.alone:
        say(text)


def tell(found: Report, folder: Path) -> None:
    """The points, and where the files are."""
    table = Table(
        *("nodes x tasks x threads", "size", "outcome", "T_wall (s)", "T_wall/T_model", "construction (s)", "efficiency", "node hours"),
        title=f"{found.name} at {found.site}: {found.description}",
        title_justify="left",
    )
    for one in found.points:
        noise = " (noisy)" if one.noisy else ""
        row = (
            _shown(one, "time_simulate"),
            _shown(one, "wall_per_model"),
            _shown(one, "time_construction"),
            "-" if one.efficiency is None else f"{one.efficiency:.0%}",
            _shown(one, "node_hours"),
        )
        table.add_row(one.shape, f"{one.size:g}", one.outcome + noise, *row)
    out.print(table)
    for one in found.points:
        for reason in one.reasons:
            out.print(f"{one.shape}, size {one.size:g}: {reason}", markup=False)
    say(str(shown(folder)))


def _shown(one: PointRow, metric: str) -> str:
    value = one.summary.get(metric)
    if value is None:
        return "-"
    return value.shown(3)


def ready(site: str, wanted: Series, model: Model, where: Where, output: Path, how: Conditions) -> tuple[Site, list[Planned]]:
    """The plans of all groups, each checked; nothing is submitted."""
    config, _ = load_site(site)
    requirements = None if model.requirements is None else model.file(model.requirements)
    found = []
    for group in order.groups(wanted, model, config, where, (output,)):
        place, plan = planned(site, group.request, how, runs=output, requirements=requirements)
        allowed(place, plan, how)
        found.append(Planned(group, plan))
    return place, found


def show(wanted: Series, model: Model, found: tuple[order.Group, ...]) -> None:
    """The points as a table."""
    table = Table(
        "nodes", "tasks/node", "threads", "size", "runs", "each", title=f"{wanted.name}: {wanted.description}", title_justify="left"
    )
    for group in found:
        shape = group.request.shape
        for point in group.points:
            row = (shape.nodes, shape.tasks_per_node, shape.threads, f"{point.size:g}", len(group.of(point)), f"{group.request.time_s} s")
            table.add_row(*map(str, row))
    out.print(table)
    points = sum(len(group.points) for group in found)
    say(f"{points} points of {wanted.repetitions} repetitions, {wanted.scaling} scaling, model {model.description}")
    say("a size is " + model.size)
