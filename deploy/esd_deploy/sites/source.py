"""Where to find a user's secret: names of places, never the secret itself."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from esd_build.data.documents import Document

Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Issuer = Annotated[str, StringConstraints(pattern=r"^https://[^\s?#]+[^\s?#/]$")]


class CredentialsSource(Document):
    """A user's password, or a bearer token from the first named place that has one: variable, file, JupyterLab, login."""

    token_env: Variable | None = Field(None, description="environment variable that holds a bearer token")
    token_file: Path | None = Field(
        None, description="file that holds a bearer token, readable by its owner only; read again when it changes"
    )
    jupyter: bool = Field(False, description="ask the EBRAINS JupyterLab (clb_nb_utils.oauth)")
    oidc: Issuer | None = Field(None, description="OpenID Connect issuer for `esd-deploy login`, which then renews tokens by itself")
    username: str | None = Field(None, description="user name, for a password")
    password_env: Variable | None = Field(None, description="environment variable that holds the password")
    password_file: Path | None = Field(None, description="file that holds the password, readable by its owner only")

    @property
    def has_token(self) -> bool:
        """Whether this names a place for tokens."""
        return bool(self.token_env or self.token_file or self.jupyter or self.oidc)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        passwords = [name for name in ("password_env", "password_file") if getattr(self, name) is not None]
        tokens = [name for name in ("token_env", "token_file", "jupyter", "oidc") if getattr(self, name)]
        if len(passwords) + bool(tokens) != 1:
            raise ValueError(
                "give exactly one of password_env, password_file, or places for a token: token_env, token_file, jupyter, oidc"
                f" (found {', '.join([*tokens, *passwords]) or 'none'})"
            )
        if (self.username is None) != bool(tokens):
            raise ValueError("a password needs a username; a token needs none")
        return self
