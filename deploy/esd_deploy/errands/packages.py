"""Packages of --requirements at a site: in its cache before a run is submitted, put there once for each image and lock."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from esd_build.data.errors import ToolError, UsageError
from esd_build.registry import Registry
from esd_deploy.backends.connection import Connection
from esd_deploy.errands import errand, image_contents, requirements
from esd_deploy.inputs.content import OnDisk
from esd_deploy.inputs.packages import Packages, seen
from esd_deploy.plans.plan import Plan
from esd_deploy.runs.site import Site

Notice = Callable[[str], None]
Build = Callable[[Packages], requirements.Built]
ARCHIVE = "esd/packages.tar"


def required(place: Site, plan: Plan, file: Path) -> Plan:
    """The plan with what a file of requirements needs besides the image. Asks registry and index.

    Raises UsageError for a run without an image, and as requirements.locked.
    """
    if plan.image is None:
        raise UsageError("--requirements: only an image gets packages; give --image, or load a module of the site that has them")
    reference = plan.image.reference
    registry = Registry(reference.registry, ca_file=place.endpoint.authority_of(reference.registry))
    there = image_contents.read(reference, registry)
    found = requirements.locked(file, there, plan.image.sif_digest, plan.image.annotations)
    return replace(plan, packages=found.packages, site=seen(plan.site))


def ensured(place: Site, plan: Plan, notice: Notice, *, build: Build = requirements.built) -> Plan:
    """The plan, whose packages are at the site now. Raises ToolError if they cannot be put there."""
    if plan.packages is None:
        return plan
    connection = place.connect()
    if _ask(connection, plan, plan.packages) == "present":
        return plan
    notice(f"installing {len(plan.packages.versions)} packages at {plan.site.name}: {', '.join(list(plan.packages.versions)[:5])}")
    found = build(plan.packages)
    if _ask(connection, plan, found.packages, found.archive) != "present":
        raise ToolError(f"site '{plan.site.name}': the packages of --requirements were not installed, and it does not say why")
    return replace(plan, packages=found.packages)


def _ask(connection: Connection, plan: Plan, packages: Packages, archive: OnDisk | None = None) -> str:
    spec = errand.of("install.sh", plan.site, packages.variables, "cache.sh", "packages.sh")
    answer = errand.run(connection, replace(spec, files=(*spec.files, (ARCHIVE, archive))) if archive else spec)
    if answer.exit_code:
        raise ToolError(f"site '{plan.site.name}': the packages of --requirements cannot be installed: {answer.stderr.strip()[-500:]}")
    return answer.stdout.strip()
