"""The verdicts for a terminal: a row for each check, with the reason, and advice if it failed."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from esd_deploy.validation.reports.document import Report
from esd_deploy.validation.terms.verdict import Outcome

COLOURS: dict[Outcome, str] = {"passed": "green", "failed": "bold red", "unknown": "yellow", "skipped": "dim"}


def table(report: Report) -> RenderableType:
    """The report as a table."""
    rows = Table(title=f"{report.image} at {report.site}", title_justify="left")
    rows.add_column("check", no_wrap=True)
    rows.add_column("verdict", no_wrap=True)
    rows.add_column("reason, and what to do", overflow="fold")
    for check in report.checks:
        colour = COLOURS[check.verdict.outcome]
        reason = Text(check.verdict.reason)
        if check.verdict.advice:
            reason.append(f"\n→ {check.verdict.advice}", style="bold")
        rows.add_row(check.name, Text(check.verdict.outcome, style=colour), reason)
    end = Text(f"{report.counts}; {report.seconds:.0f} s, {report.suite}, {report.nodes} nodes\n{report.digest}")
    return Group(rows, *([Text(f"suggestion: {report.suggestion}", style="bold")] if report.suggestion else []), end)
