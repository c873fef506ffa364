"""The command `esd-deploy login`: log in once, in a browser anywhere; then esd-deploy renews tokens itself."""

import os
from typing import Annotated

import typer

from esd_build.data.errors import UsageError
from esd_build.net.words import say
from esd_deploy.commands.shared import options
from esd_deploy.commands.shared.console import out
from esd_deploy.sites import oidc
from esd_deploy.sites.catalogue import load_site
from esd_deploy.sites.introduction import introduce
from esd_deploy.sites.oidc import Prompt

app = typer.Typer()
CLIENT = "ESD_OIDC_CLIENT"


@app.command()
def login(
    *,
    site: options.SiteName,
    client_id: Annotated[str | None, typer.Option(help=f"The client that is registered for this at the issuer; or ${CLIENT}.")] = None,
) -> None:
    """Log in at a site's OpenID Connect issuer with a code that you confirm in a browser."""
    config, path = load_site(site)
    issuer = config.credentials.oidc if config.credentials else None
    client = client_id or os.environ.get(CLIENT)
    if issuer is None:
        raise UsageError(f"site '{config.name}' has no login: {path} names no `credentials.oidc`")
    if not client:
        raise UsageError(f"{issuer} needs the id of a registered client: give --client-id or ${CLIENT}; its administrator registers them")
    introduce(config)
    oidc.log_in(issuer, client, _show, ca_file=config.ca_file)
    say(f"logged in at {issuer}; `esd-deploy` renews tokens by itself from now on")


def _show(prompt: Prompt) -> None:
    out.print(f"Open {prompt.url}\nand confirm the code {prompt.code} (within {prompt.seconds // 60} minutes).")
