"""The pins of all environments side by side: what differs between releases, and how sure that is."""

from pydantic import computed_field

from esd_build.data.certainty import letter
from esd_build.data.documents import Document
from esd_build.data.project import Pin, Project

_ABSENT = "-"


class Row(Document):
    """One package in all environments, in their order."""

    package: str
    pins: tuple[Pin | None, ...]

    @computed_field  # type: ignore[prop-decorator]  # as pydantic documents it
    @property
    def drifts(self) -> bool:
        """True if environments that have the package have different versions."""
        return len({pin.version for pin in self.pins if pin}) > 1


def table(project: Project) -> tuple[Row, ...]:
    """One row for each pinned package, in the order of the newest release."""
    environments = [project.environment(name, "spack") for name in project.environment_names]
    names = dict.fromkeys(name for environment in reversed(environments) for name in environment.pins)
    return tuple(Row(package=name, pins=tuple(environment.pins.get(name) for environment in environments)) for name in names)


def markdown(project: Project, rows: tuple[Row, ...]) -> str:
    """As a table for the documentation; H, M, L, R behind a version say how sure it is."""
    head = ["", *project.environment_names]
    lines = [head, ["---"] * len(head), *([row.package, *map(_cell, row.pins)] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(pin: Pin | None) -> str:
    if pin is None:
        return _ABSENT
    return f"{pin.version} [{letter(pin.certainty)}]" if pin.certainty else pin.version
