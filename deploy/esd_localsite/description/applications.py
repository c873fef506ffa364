"""The applications that the site knows by name, as an installed UNICORE server does. A job may name one instead of an executable."""

from collections.abc import Mapping
from dataclasses import dataclass

from esd_localsite.description.fields import Json, list_of_strings, optional
from esd_localsite.description.resources import DescriptionError


@dataclass(frozen=True)
class Application:
    """One application. Its `options` are parameters of a job; they become variables and, if given, arguments."""

    name: str
    version: str
    executable: str
    options: tuple[tuple[str, str], ...] = ()
    """Name and type."""

    @property
    def key(self) -> str:
        """The application as the factory lists it."""
        return f"{self.name}---v{self.version}"


_SCRIPT = (("SOURCE", "FILENAME"), ("ARGUMENTS", "STRING"))
APPLICATIONS = (
    Application("Date", "1.0", "date"),
    Application("Bash shell", "5.1", "/bin/bash", _SCRIPT),
    Application("Python script", "3", "/usr/bin/python3", _SCRIPT),
)


def find(name: str, version: str | None) -> Application:
    """The application that a job names. Raises DescriptionError."""
    for application in APPLICATIONS:
        if application.name == name and version in {None, application.version}:
            return application
    raise DescriptionError(f"The requested Application '{name}' is not available. (Requested application is not defined)")


def resolve(fields: Mapping[str, Json]) -> tuple[str | None, tuple[str, ...]]:
    """Executable and arguments of a job, its own or those of its application. Raises DescriptionError."""
    executable, arguments = optional(fields, "Executable"), list_of_strings(fields, "Arguments")
    name = optional(fields, "ApplicationName")
    if executable is not None or name is None:
        return executable, arguments
    application = find(name, optional(fields, "ApplicationVersion"))
    parameters = fields.get("Parameters") or {}
    given = [f"${option}" for option, _ in application.options if isinstance(parameters, dict) and option in parameters]
    return application.executable, (*given, *arguments)
