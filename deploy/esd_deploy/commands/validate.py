"""The commands `esd-deploy validate` and `esd-deploy report`."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from esd_build.data.errors import EsdError, ToolError, UsageError
from esd_build.net.words import say
from esd_build.program.renamed import told
from esd_deploy.commands.shared import options, words
from esd_deploy.commands.shared.console import out
from esd_deploy.display.progress import display
from esd_deploy.runs.site import Site
from esd_deploy.validation import reference
from esd_deploy.validation.plan import batch_script, login_script
from esd_deploy.validation.proofs import of_registry, proofs
from esd_deploy.validation.reports import page
from esd_deploy.validation.reports.document import FILE_NAME, Report, collect
from esd_deploy.validation.reports.junit import junit
from esd_deploy.validation.reports.table import table
from esd_deploy.validation.suite import CHECKS, Selection
from esd_deploy.validation.terms.observations import STEPS_FOLDER
from esd_deploy.validation.validation import VALIDATIONS, Validation, ValidationRequest

app = typer.Typer()
Only = Annotated[list[str] | None, typer.Option("--only", help="A check or a tag; checks that it depends on run, too. May be repeated.")]
Skip = Annotated[list[str] | None, typer.Option("--skip", help="A check or a tag to leave out. May be repeated.")]
Quick = Annotated[bool, typer.Option("--quick", help="Skip compilation and measurements of speed.")]
Suggest = Annotated[bool, typer.Option("--suggest", help="If MPI does not wire up, try the known remedies and propose a change.")]
AddVerdicts = Annotated[bool, typer.Option("--add-verdicts", help="Add the verdicts to the image in its registry.")]
Attach = Annotated[bool, typer.Option("--attach", hidden=True)]
Make = Annotated[bool, typer.Option("--make-reference", help="Keep the measured values and the spikes as references.")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the report as JSON; - is standard output.")]
JunitFile = Annotated[Path | None, typer.Option("--junit", help="Write it as JUnit XML; - is standard output.")]
HtmlFile = Annotated[Path | None, typer.Option("--html", help="Write one page with all validations that this machine knows.")]
Folder = Annotated[Path, typer.Option("--output", help="Folder of all validations; each validation gets a folder in it.")]
Nodes = Annotated[int | None, typer.Option(min=1, help="Compute nodes; default: two, if the site allows two.")]
Queue = Annotated[str, typer.Option("--queue-time", metavar="SECONDS|HH:MM:SS", help="How long the job may wait in the queue.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the steps of the job; submit nothing.")]


class ValidationFailedError(EsdError):
    """At least one check failed (exit code 1)."""


@app.command()
def checks(*, as_json: Annotated[bool, typer.Option("--json", help="As one JSON array on standard output.")] = False) -> None:
    """List the checks of `validate`, their tags, and the quick suite."""
    if as_json:
        keys = ("name", "title", "quick", "on_request")
        listed = [{**{key: getattr(one, key) for key in keys}, "tags": sorted(one.tags)} for one in CHECKS]
        say(json.dumps(listed, indent=2))
        return
    rows = Table("check", "what it checks", "tags", "suite")
    for check in CHECKS:
        suite = "on request" if check.on_request else "quick, full" if check.quick else "full"
        rows.add_row(check.name, check.title, " ".join(sorted(check.tags)), suite)
    out.print(rows)


@app.command()
def validate(  # noqa: PLR0913 - each parameter is an option of the command line
    *,
    site: options.SiteName,
    image: options.NeededImage,
    only: Only = None,
    skip: Skip = None,
    quick: Quick = False,
    suggest: Suggest = False,
    add_verdicts: AddVerdicts = False,
    make_reference: Make = False,
    nodes: Nodes = None,
    time: options.Time = None,
    queue_time: Queue = "600",
    partition: options.PartitionName = None,
    account: options.Account = None,
    json_file: JsonFile = None,
    junit_file: JunitFile = None,
    html: HtmlFile = None,
    output: Folder = VALIDATIONS,
    dry_run: DryRun = False,
    attach: Attach = False,
) -> None:
    """Check that an image works at a site, how well, and why not; exit code 1 if any check failed."""
    if attach:
        told("esd-deploy validate --attach", "esd-deploy validate --add-verdicts")
    selection = Selection(tuple(only or ()), tuple(skip or ()), quick)
    asked = ValidationRequest(image, selection, nodes, options.time_s(time), words.seconds(queue_time), partition, account)
    validation = Validation.prepare(Site.load(site), asked)
    if dry_run:
        say(login_script(validation.plan.steps) + batch_script(validation.plan.site, validation.plan.steps), nl=False)
        return
    with display(quiet=False) as steps:
        report = validation.run(output, steps, suggest=suggest)
    folder = output / report.id
    _tell(report, folder, json_file, junit_file, html)
    if make_reference:
        _keep(validation, report)
    if add_verdicts or attach:
        say(f"attached to {report.image}: {validation.attach(folder / FILE_NAME)}", err=True)
    if report.outcome == "failed":
        raise ValidationFailedError(f"{report.counts}; what the steps printed is in {folder / STEPS_FOLDER}")


@app.command("report")
def report_command(
    *,
    image: Annotated[list[str] | None, typer.Option("--image", help="Verdicts attached to this image too; may be repeated.")] = None,
    site: Annotated[list[str] | None, typer.Option("--site", help="The site whose registry has the verdicts; may be repeated.")] = None,
    json_file: JsonFile = None,
    html: HtmlFile = None,
    output: Folder = VALIDATIONS,
) -> None:
    """Show which image was validated where and when: validations kept here, and verdicts in the registry."""
    if bool(image) != bool(site):
        raise UsageError("give --image and --site together: the verdicts attached to that image come from that site's registry")
    found = collect(output)
    found = proofs(found, *(_attached(Site.load(one), word) for one in site or () for word in image or ()))
    if not found:
        raise UsageError(f"{output} has no validation; `esd-deploy validate --site S --image I` makes one")
    if json_file is not None:
        _write(json_file, "[" + ",\n".join(one.model_dump_json(indent=2) for one in found) + "]\n")
    if html is not None:
        _write(html, page.page(found))
    if json_file != Path("-"):
        out.print(page.matrix_table(found))


def _attached(site: Site, image: str) -> tuple[Report, ...]:
    """Ask about each image at each registry, even if others fail."""
    try:
        return of_registry(site, image)
    except (ToolError, UsageError) as error:
        say(f"{image}: {error}", err=True)
        return ()


def _tell(report: Report, folder: Path, json_file: Path | None, junit_file: Path | None, html: Path | None) -> None:
    if Path("-") not in {json_file, junit_file}:
        out.print(table(report))
        say(str(folder / FILE_NAME))
    if json_file is not None:
        _write(json_file, report.model_dump_json(indent=2) + "\n")
    if junit_file is not None:
        _write(junit_file, junit(report))
    if html is not None:
        _write(html, page.page(collect(folder.parent)))


def _keep(validation: Validation, report: Report) -> None:
    """Keep the measurements as references, unless the check of the spikes failed."""
    measured = tuple(one for check in report.checks if check.verdict.outcome != "failed" for one in check.verdict.measured)
    site = validation.site.config
    if measured:
        say(f"references of {site.name}: {reference.save(site, reference.References.of(report.image, measured))}", err=True)
    if report.spikes:
        path = reference.save_spikes(validation.plan.image.annotations, report.spikes)
        say(f"spikes of the image: {path or 'not kept, this checkout does not define the image'}", err=True)


def _write(path: Path, text: str) -> None:
    if path == Path("-"):
        say(text, nl=False)
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ToolError(f"cannot write {path}: {error.strerror}") from error
