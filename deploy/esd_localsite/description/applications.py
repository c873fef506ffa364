"""The applications that the site knows by name, as an installed UNICORE server does: what a job may ask for instead of an executable."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from esd_localsite.description.fields import Json, optional, strings
from esd_localsite.description.resources import DescriptionError


@dataclass(frozen=True)
class Application:
    """One application. With a `source`, the parameter SOURCE names the script that it runs, and ARGUMENTS follow."""

    name: str
    version: str
    executable: str
    runs_source: bool = False

    @property
    def key(self) -> str:
        """As the factory lists it."""
        return f"{self.name}---v{self.version}"

    @property
    def options(self) -> tuple[str, ...]:
        return ("SOURCE", "ARGUMENTS") if self.runs_source else ()


APPLICATIONS = (
    Application("Date", "1.0", "date"),
    Application("Bash shell", "3.1.16", "bash", runs_source=True),
    Application("Python script", "3.0.0", "python3", runs_source=True),
)


def find(name: str, version: str | None) -> Application:
    """The application that a job names. Raises DescriptionError."""
    for application in APPLICATIONS:
        if application.name == name and version in {None, application.version}:
            return application
    known = ", ".join(f"{application.name} {application.version}" for application in APPLICATIONS)
    wanted = " ".join(filter(None, (name, version)))
    raise DescriptionError(f"Application '{wanted}' is not available on this site (there are {known})")


def resolve(fields: Mapping[str, Json]) -> tuple[str | None, tuple[str, ...]]:
    """Executable and arguments of a job, its own or those of its application. Raises DescriptionError."""
    executable, arguments = optional(fields, "Executable"), strings(fields, "Arguments")
    name = optional(fields, "ApplicationName")
    if executable is not None or name is None:
        return executable, arguments
    application = find(name, optional(fields, "ApplicationVersion"))
    if not application.runs_source:
        return application.executable, arguments
    parameters = fields.get("Parameters") or {}
    if not isinstance(parameters, dict):
        raise DescriptionError("'Parameters' must be a map")
    source = optional(parameters, "SOURCE")
    if source is None:
        raise DescriptionError(f"Application '{name}' needs the parameter SOURCE, the name of its script")
    return application.executable, (shlex.quote(source), *strings(parameters, "ARGUMENTS"), *arguments)
