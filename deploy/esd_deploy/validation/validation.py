"""Runs a validation, from the request to the report."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from esd_build.data.errors import ToolError, UsageError
from esd_build.registry import Credentials, PublishedImage, Registry
from esd_deploy.display.progress import Display, Silent
from esd_deploy.plans.limits import check_size, most, settled
from esd_deploy.runs.site import Site, new_id
from esd_deploy.validation import reference, remedy
from esd_deploy.validation.checks import nest as judge_nest
from esd_deploy.validation.checks import site as judge_site
from esd_deploy.validation.plan import ValidationPlan, time_for
from esd_deploy.validation.reports.document import ARTIFACT_TYPE, Report, collect, parse
from esd_deploy.validation.session import Session
from esd_deploy.validation.suite import Selection, all_steps, chosen, judge, select, step_names, with_needs
from esd_deploy.validation.terms.check import Check
from esd_deploy.validation.terms.observations import JobEnd, Observations, Output
from esd_deploy.validation.terms.verdict import Verdict

VALIDATIONS = Path("runs/validations")


@dataclass(frozen=True)
class ValidationRequest:
    """What an admin asks for. Default of `time_s` (seconds): from the steps' limits; of `nodes`: two, if a job can have two."""

    image: str
    selection: Selection = field(default_factory=Selection)
    nodes: int | None = None
    time_s: int | None = None
    queue_s: int = 600
    partition: str | None = None
    account: str | None = None


@dataclass(frozen=True)
class Validation:
    """One validation of an image at a site; `plan` shows everything before anything runs."""

    site: Site
    request: ValidationRequest
    plan: ValidationPlan
    checks: tuple[Check, ...]
    tag_now: Callable[[Site, PublishedImage], str | None]

    @classmethod
    def prepare(cls, site: Site, request: ValidationRequest) -> "Validation":
        """Choose the checks and ask the registry for the digest. Raises UsageError for unknown checks and wrong requests."""
        if "container" not in site.config.modes:
            modes = ", ".join(site.config.modes)
            raise UsageError(f"site '{site.config.name}' runs no containers (its modes: {modes}); validate a site with mode container")
        if not site.config.login_node:
            raise UsageError(f"site '{site.config.name}' runs nothing on its login nodes (`login_node`), so it cannot pull the image")
        place = settled(site.config, request.partition, request.account)
        check_size(place, request.nodes, request.time_s)
        nodes = request.nodes or min(2, most(place).nodes)
        checks = with_needs(select(request.selection))
        steps = chosen(all_steps(place, nodes), step_names(checks))
        time_s = request.time_s or time_for(steps, most(place).time_s)
        return cls(site, request, ValidationPlan(new_id(), place, site.published(request.image), nodes, steps, time_s), checks, tag_now)

    def run(self, output: Path = VALIDATIONS, display: Display | None = None, *, suggest: bool = False) -> Report:
        """Run the validation to its end and write `validation.json` into `output/<id>/`. Raises ToolError if the site fails."""
        began = time.monotonic()
        steps = display or Silent()
        before = _before(output, self.plan)
        job, observed = self._observe(self.plan, output / self.plan.id, steps)
        observed = replace(
            observed,
            tag_now=self.tag_now(self.site, self.plan.image),
            tag_before=before,
            spikes=reference.load_spikes(self.plan.image.annotations),
        )
        verdicts = judge(self.checks, observed, reference.load(self.plan.site))
        took = {one.step: one.seconds for one in observed.outputs}
        report = Report.of(self.plan, _suite(self.request.selection), job, time.monotonic() - began, self.checks, verdicts, took)
        suggestion = self._suggestion(verdicts, observed, output, steps) if suggest else ""
        report = report.model_copy(update={"suggestion": suggestion, "spikes": judge_nest.spikes_found(observed)})
        report.save(output / self.plan.id)
        return report

    def _observe(self, plan: ValidationPlan, folder: Path, display: Display) -> tuple[str, Observations]:
        display.step(f"{plan.id}: {len(plan.steps)} steps on {plan.nodes} nodes of {plan.site.name}")
        connection = self.site.connect()
        session = Session(plan, connection.script_job(plan.job), folder, connection, display, self.request.queue_s)
        url, end, outputs = session.run()
        return url, _observed(plan, end, outputs)

    def _suggestion(self, verdicts: Mapping[str, Verdict], observed: Observations, output: Path, display: Display) -> str:
        return self._suggest(observed, output, display) if remedy.wanted(verdicts) else remedy.idle(verdicts)

    def _suggest(self, observed: Observations, output: Path, display: Display) -> str:
        listed = observed.output("plugins")
        found = remedy.remedies(self.plan.site, judge_site.plugins(listed) if listed else ())
        tries = remedy.steps(found, self.plan.nodes)
        pull = chosen(self.plan.steps, ("pull",))
        wanted = min(most(self.plan.site).time_s, 60 + sum(step.limit_s for step in tries))
        plan = replace(self.plan, id=new_id(), site=remedy.bare(self.plan.site), steps=(*pull, *tries), time_s=wanted)
        _, tried = self._observe(plan, output / self.plan.id / "suggest", display)
        return remedy.suggestion(found, tried)

    def attach(self, report: Path) -> str:
        """Attach the report to the image in the registry; returns the attachment's digest. Raises ToolError if that fails."""
        annotations = {"eu.ebrains.esd.site": self.plan.site.name, "org.opencontainers.image.created": _time_of(report)}
        return (
            registry_of(self.site, self.plan.image).attach(self.plan.image.reference, ARTIFACT_TYPE, report, annotations=annotations).digest
        )


def registry_of(site: Site, image: PublishedImage) -> Registry:
    """An image's registry, with the user's account there, or with the account that a local site made."""
    host, own = image.reference.registry, site.endpoint.login_of(image.reference.registry)
    credentials = Credentials.read(own) if own is not None else Credentials.find(host, named=False)
    return Registry(host, ca_file=site.endpoint.authority_of(host), credentials=credentials)


def tag_now(site: Site, image: PublishedImage) -> str | None:
    """The digest that the image's tag names now; None if it has no tag, or if the registry does not answer."""
    wanted = replace(image.reference, digest=None)
    try:
        return None if wanted.tag is None else registry_of(site, image).resolve(wanted).reference.digest
    except ToolError:
        return None


def _time_of(report: Path) -> str:
    return parse(report.read_bytes(), str(report)).time.isoformat()


def _observed(plan: ValidationPlan, end: JobEnd, outputs: tuple[Output, ...]) -> Observations:
    return Observations(plan.site, plan.image, plan.nodes, outputs, end)


def _before(output: Path, plan: ValidationPlan) -> str | None:
    """The digest of the same tag at its last validation here."""
    name = str(plan.image.reference).partition("@")[0]
    known = [report.digest for report in collect(output) if (report.site, report.image) == (plan.site.name, name)]
    return known[-1] if known else None


def _suite(selection: Selection) -> str:
    if selection.only:
        return f"only {', '.join(selection.only)}"
    return ("quick" if selection.quick else "full") + (f" without {', '.join(selection.skip)}" if selection.skip else "")
