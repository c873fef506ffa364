"""A token of a local site's own issuer, for what takes no password: its neuromorphic queue. At EBRAINS a browser gives it."""

import ssl
from pathlib import Path

import httpx

from esd_build.data.errors import ToolError
from esd_deploy.sites.tokens import Tokens

CLIENT_ID = "esd-deploy"


def tokens(issuer: str, username: str, password: str, ca_file: Path, *, http: httpx.Client | None = None) -> Tokens:
    """Tokens for the password, each fetched when the one before has ended."""

    def fetch() -> str:
        form = {"grant_type": "password", "client_id": CLIENT_ID, "username": username, "password": password}
        with http or httpx.Client(verify=ssl.create_default_context(cafile=ca_file)) as client:
            return _token(client, f"{issuer}/token", form)

    return Tokens({f"the local site's issuer {issuer}": fetch})


def _token(client: httpx.Client, url: str, form: dict[str, str]) -> str:
    try:
        response = client.post(url, data=form)
        return str(response.raise_for_status().json()["access_token"])
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise ToolError(f"{url} gives no token ({type(error).__name__}); is the local site up? See `esd-deploy local status`") from error
