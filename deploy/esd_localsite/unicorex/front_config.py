"""The front's configuration file."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from esd_localsite.description.config import EndpointConfig
from esd_localsite.errors import LocalSiteError


class FrontConfig(BaseModel):
    """The front's settings: those of the endpoint that it stands in for, and the server behind it."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    endpoint: EndpointConfig
    upstream: str
    ca_file: Path

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises LocalSiteError."""
        try:
            return cls.model_validate_json(path.read_text())
        except (OSError, ValidationError) as error:
            raise LocalSiteError(f"{path} is not a configuration of the front: {error}") from error
