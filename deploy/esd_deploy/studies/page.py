"""The page of `esd-deploy drift --html`: versions, and for `--full` the probes and their figures."""

from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from esd_deploy.studies.drift import Drift
from esd_deploy.studies.figures import figures
from esd_deploy.studies.probes import Finding


def page(found: Drift, probed: Sequence[Finding] = ()) -> str:
    """Self-contained HTML. What a stack said is escaped; the figures are SVG of our own, whose texts matplotlib escapes."""
    templates = Environment(loader=PackageLoader("esd_deploy.studies"), autoescape=True, undefined=StrictUndefined)
    return templates.get_template("drift.html.j2").render(found=found, probed=probed, figures=figures(found.stacks, probed))
