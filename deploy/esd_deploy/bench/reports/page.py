"""The page of a series: figures, table of points, what does not count and why, metadata, definitions. Self-contained HTML."""

from esd_deploy.bench.reports.definitions import DEFINITIONS
from esd_deploy.bench.reports.figures import figures
from esd_deploy.bench.reports.report import PointRow, Report
from esd_deploy.display.templates import templates

_SHOWN = (
    "time_simulate",
    "wall_per_model",
    "model_per_wall",
    "time_construction",
    "synaptic_events_per_s",
    "memory_simulation_gb",
    "node_hours",
)


def page(found: Report) -> str:
    """What a job or a record said is escaped; the figures are SVG of our own, whose texts matplotlib escapes."""
    template = templates("esd_deploy.bench.reports").get_template("series.html.j2")
    return template.render(found=found, figures=figures(found), shown=_SHOWN, cell=cell, definitions=DEFINITIONS)


def cell(one: PointRow, metric: str) -> str:
    """Median with the 95 % interval of the mean."""
    value = one.summary.get(metric)
    if value is None:
        return "unknown" if one.outcome == "measured" else ""
    return value.shown(4)
