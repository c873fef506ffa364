"""What the token service is told: a file that only it reads."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from esd_localsite.errors import LocalSiteError
from esd_localsite.identity.users import UserEntry


class LoginConfig(BaseModel):
    """Where it listens, with which certificate and key, and who may write."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    port: int
    certificate: str
    key: str
    user: str
    entry: UserEntry
    account: str | None
    """The Unix account that it serves in; None: the one that starts it."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises LocalSiteError, without values of the file."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise LocalSiteError(f"{path}: not readable as the configuration of the registry's login ({type(error).__name__})") from None
