"""Reads the verdicts attached to images in a registry."""

from collections.abc import Iterable

from esd_deploy.runs.site import Site
from esd_deploy.validation.reports.document import ARTIFACT_TYPE, Report, parse
from esd_deploy.validation.validation import registry_of


def of_registry(site: Site, image: str) -> tuple[Report, ...]:
    """The reports attached to an image. Raises ToolError if one is unreadable."""
    found = site.published(image)
    registry = registry_of(site, found)
    attached = [one for one in registry.attachments(found.reference) if one.artifact_type == ARTIFACT_TYPE]
    reports = (parse(registry.read(found.reference, one), f"the attachment {one.digest} of {found.reference}") for one in attached)
    # A report about another image proves nothing about this one.
    return tuple(report for report in reports if report.digest == found.reference.digest)


def proofs(*sources: Iterable[Report]) -> tuple[Report, ...]:
    """The reports of several sources, each once, oldest first."""
    known = {report.id: report for source in sources for report in source}
    return tuple(sorted(known.values(), key=lambda report: (report.time, report.id)))
