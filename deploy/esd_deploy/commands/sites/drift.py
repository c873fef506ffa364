"""The command `esd-deploy drift`: the same probe in each stack, side by side."""

import importlib.resources
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from esd_build.data.errors import EsdError, ToolError, UsageError
from esd_build.data.project import Project
from esd_build.net.words import say
from esd_deploy.commands.shared import options
from esd_deploy.commands.shared.console import out
from esd_deploy.commands.shared.running import RunFailedError
from esd_deploy.display.progress import Display, display
from esd_deploy.plans.request import Request
from esd_deploy.records.record import RUNS
from esd_deploy.runs.run import Run
from esd_deploy.runs.site import Site
from esd_deploy.sites.catalogue import Catalogue
from esd_deploy.sites.config import Mode, SiteConfig
from esd_deploy.studies import drift, page, probes
from esd_deploy.studies.drift import Drift, Stack
from esd_deploy.studies.probes import Finding
from esd_deploy.studies.study import Study

app = typer.Typer()


@app.command("drift")
def drift_command(  # noqa: PLR0913 - each parameter is an option of the command line
    *,
    sites: Annotated[str, typer.Option(help="Sites, separated by commas: names, or YAML files.")],
    image: Annotated[
        str | None, typer.Option(help="Images, separated by commas: nest:25.02,nest:edge; without one, the sites' own modules only.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="All probes: neurons, networks with several seeds, NumPy, a NESTML model.")] = False,
    time: options.Time = None,
    modules: Annotated[bool, typer.Option("--modules/--no-modules", help="Also compare the sites' own modules, if a site has any.")] = True,
    partition: options.PartitionName = None,
    account: options.Account = None,
    output: options.Output = RUNS,
    as_json: options.Json = False,
    json_file: Annotated[Path | None, typer.Option(help="Write the JSON here as well.")] = None,
    html_file: Annotated[Path | None, typer.Option("--html", help="Write a page.")] = None,
) -> None:
    """Compare versions, and the spikes of one seed, between the stacks of several sites and images. Exit code 1 on drift."""
    images = tuple(_words(image or ""))
    with display(quiet=as_json) as steps, _probes(full=full) as sent:
        question = Question(images, sent, options.time_s(time), partition, account, modules=modules)
        stacks = tuple(_ask(_words(sites), question, output, steps))
    found = drift.judge(stacks, pins(images[0] if len(images) == 1 else None))
    probed = probes.findings(found.stacks)
    answer = {**asdict(found), "drifts": found.drifts, "probes": [asdict(one) for one in probed]}
    document = json.dumps(answer, indent=2, default=_written)
    if json_file:
        json_file.write_text(document + "\n", encoding="utf-8")
    if html_file:
        html_file.write_text(page.page(found, probed), encoding="utf-8")
    if as_json:
        say(document)
    else:
        out.print(table(found))
        if probed:
            out.print(probe_table(probed))
    _conclude(found)


def _written(study: object) -> dict[str, Any]:
    """What a stack answered, as its job wrote it."""
    if not isinstance(study, Study):
        raise TypeError(f"{type(study).__name__} has no JSON")
    return study.model_dump(by_alias=True)


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


@contextmanager
def _probes(*, full: bool) -> Iterator[tuple[Path, ...]]:
    """The files that go with the probe: for `--full` its questions, the program that asks them, a NESTML model, the paper's network."""
    if not full:
        yield ()
        return
    package = importlib.resources.files("esd_deploy")
    with tempfile.TemporaryDirectory(prefix="esd-drift-") as name:
        folder = Path(name)
        (folder / "probes.json").write_text(probes.questions().model_dump_json(), encoding="utf-8")
        for script in ("drift.py", "drift_probes.py"):
            (folder / script).write_text((package / "job" / script).read_text(encoding="utf-8"), encoding="utf-8")
        root = Catalogue.find().root
        for sample in (root / "models" / "lif_exp.nestml", root / "examples" / "balanced_network" / "balanced_network.py"):
            if sample.is_file():  # only a checkout has them
                shutil.copyfile(sample, folder / sample.name)
        yield tuple(sorted(folder.iterdir()))


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

    images: tuple[str, ...]
    sent: tuple[Path, ...] = ()
    """Files that go with the probe, the probe itself among them; empty for the short one."""
    time_s: int | None = None
    partition: str | None = None
    account: str | None = None
    modules: bool = True

    def stacks(self, site: SiteConfig) -> tuple[str | None, ...]:
        """The stacks of a site that are compared: images, and None for its modules. Raises UsageError for a site that has none."""
        wanted = (*([None] if self.modules and site.modules else []), *self.images)
        if not wanted:
            raise UsageError(f"site '{site.name}': no stack to compare; give --image, or `modules` in its configuration")
        return wanted

    def request(self, probe: Path, image: str | None) -> Request:
        """The probe as a run."""
        script = next((path for path in self.sent if path.name == probe.name), probe)
        inputs = tuple(path for path in self.sent if path != script)
        chosen = Request(script, image=image, mode=mode_of(image), inputs=inputs, tags=(drift.TAG,))
        return replace(chosen, partition=self.partition, account=self.account, time_s=self.time_s)


def mode_of(image: str | None) -> Mode:
    """How a stack is run: an image as a container, what a site has as its modules."""
    return "module" if image is None else "container"


def _ask(sites: list[str], question: Question, output: Path, steps: Display) -> Iterator[Stack]:
    """Start the probe everywhere, then wait: the sites work at the same time."""
    begun: list[tuple[Run | None, Stack]] = []
    for name in sites:
        place = Site.load(name)
        begun += [_begin(place, image, question, output, steps) for image in question.stacks(place.config)]
    for run, problem in begun:
        yield problem if run is None else _end(run)


def _begin(place: Site, image: str | None, question: Question, output: Path, steps: Display) -> tuple[Run | None, Stack]:
    known = Stack(place.config.name, mode_of(image), image)
    probe = importlib.resources.files("esd_deploy") / "job" / "drift.py"
    try:
        with importlib.resources.as_file(probe) as script:
            run = place.start(place.plan(question.request(script, image)), runs=output, display=steps)
        run.submit()
    except EsdError as error:
        return None, Stack(known.site, known.mode, known.image, problem=str(error))
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


def probe_table(probed: Sequence[Finding]) -> Table:
    """One row for each probe that did not answer the same, and how many did."""
    same = sum(one.verdict == "same" for one in probed)
    result = Table("probe", "stack", "", "by how much", "why", title=f"{same} of {len(probed)} probes the same as in {probed[0].against}")
    for one in probed:
        if one.verdict != "same":
            result.add_row(one.probe, one.stack, one.verdict, one.difference, one.cause)
    return result
