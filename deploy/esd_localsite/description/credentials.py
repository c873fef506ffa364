"""The `Credentials` of a job description, which the web server gets from which the job imports a file."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from esd_localsite.description.fields import Json
from esd_localsite.description.resources import DescriptionError

TokenOf = Callable[[str], str | None]
"""User → the token that the user presented last, if any."""


@dataclass(frozen=True)
class Credentials:
    """`{"Username": …, "Password": …}` or `{"BearerToken": …}`; an empty token stands for the user's token that the server knows."""

    user: str | None = None
    secret: str = field(default="", repr=False)

    def resolved(self, known: str | None) -> "Credentials":
        """Fill in the known token if none is given. Raises DescriptionError if none is known."""
        if self.user is not None or self.secret:
            return self
        if not known:
            raise DescriptionError("'BearerToken' is empty, and you presented no token to this server: write one, or log in with one")
        return Credentials(secret=known)

    @property
    def authorization(self) -> str:
        """The `Authorization` header."""
        if self.user is None:
            return f"Bearer {self.secret}"
        return "Basic " + base64.b64encode(f"{self.user}:{self.secret}".encode()).decode()


def parse_credentials(fields: Mapping[str, Json]) -> Credentials | None:
    """The `Credentials` of an import. Raises DescriptionError, which names no value."""
    given = fields.get("Credentials")
    if given is None:
        return None
    if isinstance(given, dict) and all(isinstance(value, str) and value.isascii() and value.isprintable() for value in given.values()):
        if set(given) == {"Username", "Password"}:
            return Credentials(given["Username"], given["Password"])
        if set(given) == {"BearerToken"}:
            return Credentials(secret=given["BearerToken"])
    raise DescriptionError("'Credentials' must be an object with 'Username' and 'Password', or with 'BearerToken'")
