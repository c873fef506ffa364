"""The token service's configuration: a file that only it can read."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from esd_localsite.errors import LocalSiteError
from esd_localsite.identity.users import UserEntry


class LoginConfig(BaseModel):
    """Address, certificate and key of the service, and the account that may push."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    port: int
    certificate: str
    key: str
    user: str
    entry: UserEntry
    account: str | None
    """The Unix account in which it serves; None: the account that starts it."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises LocalSiteError, which shows no values of the file."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise LocalSiteError(f"cannot read {path} as the configuration of the registry's login ({type(error).__name__})") from None
