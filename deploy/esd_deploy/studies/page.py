"""The page of `esd-deploy drift --html`: versions, and for `--full` the probes and their figures."""

from collections.abc import Sequence

from esd_deploy.display.templates import templates
from esd_deploy.studies.drift import Drift
from esd_deploy.studies.figures import figures
from esd_deploy.studies.probes import Finding


def page(found: Drift, probed: Sequence[Finding] = ()) -> str:
    """Self-contained HTML. What a stack said is escaped; the figures are SVG of our own, whose texts matplotlib escapes."""
    template = templates("esd_deploy.studies").get_template("drift.html.j2")
    return template.render(found=found, probed=probed, figures=figures(found.stacks, probed))
