"""Gets tokens from a local site's own issuer, for its neuromorphic queue, which accepts no password. At EBRAINS a browser gives them."""

from pathlib import Path

import httpx
from pydantic import BaseModel

from esd_build.data.errors import ToolError
from esd_deploy.net.http import client as http_client
from esd_deploy.sites.oidc import IssuerAwayError
from esd_deploy.sites.tokens import Tokens


class _Answer(BaseModel):
    access_token: str


CLIENT_ID = "esd-deploy"


def tokens(issuer: str, username: str, password: str, ca_file: Path, *, http: httpx.Client | None = None) -> Tokens:
    """Tokens in exchange for the password; fetches a new one when the last one has expired."""

    def fetch() -> str:
        form = {"grant_type": "password", "client_id": CLIENT_ID, "username": username, "password": password}
        with http or http_client(ca_file) as client:
            return _token(client, f"{issuer}/token", form)

    return Tokens({f"the local site's issuer {issuer}": fetch})


def _token(client: httpx.Client, url: str, form: dict[str, str]) -> str:
    try:
        response = client.post(url, data=form)
    except httpx.TransportError as error:
        raise IssuerAwayError(
            f"{url} does not answer ({type(error).__name__}); is the local site up? See `esd-deploy local status`"
        ) from error
    try:
        return str(_Answer.model_validate_json(response.raise_for_status().content).access_token)
    except (httpx.HTTPError, ValueError) as error:
        raise ToolError(f"{url} gives no token ({type(error).__name__}); is the local site up? See `esd-deploy local status`") from error
