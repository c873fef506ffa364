"""The command `esd-deploy site init`: a file for a site of one's own, asked for, probed, written, checked."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from esd_build.data.errors import EsdError, UsageError
from esd_build.net.words import say
from esd_deploy.commands.shared import options, words
from esd_deploy.errands import draft, probe
from esd_deploy.errands.draft import Draft, Said
from esd_deploy.runs.site import Site
from esd_deploy.sites.catalogue import own_sites
from esd_deploy.sites.config import Limits
from esd_deploy.sites.source import CredentialsSource

EBRAINS = "https://iam.ebrains.eu/auth/realms/hbp"
_ASKED = {"url": "UNICORE base URL (https://HOST:PORT/SITE/rest/core)", "registry": "Registry that its login nodes pull images from"}


def init(  # noqa: PLR0913 - each parameter is an option of the command line
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the site is called after --site: small letters, digits, -.")],
    *,
    url: Annotated[str | None, typer.Option(help="UNICORE base URL, https://HOST:PORT/SITE/rest/core.")] = None,
    registry: Annotated[str | None, typer.Option(help="OCI registry that its login nodes pull images from, host[:port].")] = None,
    description: Annotated[str | None, typer.Option(help="What `esd-deploy sites` says of it.")] = None,
    username: Annotated[str | None, typer.Option(help="Log in by a password; default: by an EBRAINS token.")] = None,
    password_file: Annotated[Path | None, typer.Option(help="With --username: file with the password, chmod 600.")] = None,
    ca_file: Annotated[Path | None, typer.Option(help="Certificate authority of a server without a public certificate.")] = None,
    mpi: Annotated[str | None, typer.Option(help="Slurm's MPI plugin; default: as the site says.")] = None,
    scratch: Annotated[str, typer.Option(help="Variable with a folder that login and compute nodes share.")] = "SCRATCH",
    partition: options.PartitionName = None,
    account: options.Account = None,
    nodes: Annotated[int, typer.Option("--nodes", "-N", min=1, help="Most nodes in one job.")] = 4,
    time: Annotated[str, typer.Option("--time", "-t", metavar="TIME", help="Longest run time of a job.")] = "1d",
    ask: Annotated[bool, typer.Option("--probe/--no-probe", help="Ask the site about itself, with two small jobs.")] = True,
    force: Annotated[bool, typer.Option("--force", help="Write the file anew.")] = False,
) -> None:
    """Write a file for a site of your own into ~/.config/esd-images/sites, from what you say and what the site says of itself.

    Without --url or --registry it asks for them.
    """
    path = own_sites() / f"{_site_name(name)}.yaml"
    draft.require_new(path, force=force)
    said = Said(
        description=description or name,
        url=url or _answer("url"),
        registry=registry or _answer("registry"),
        ca_file=ca_file.absolute() if ca_file else None,
        credentials=_credentials(username, password_file),
        mpi=mpi,
        scratch=scratch,
        partition=partition,
        account=account,
        limits=Limits(nodes=nodes, time_s=words.seconds(time)),
    )
    config = draft.write(Draft(said), path)
    if ask:
        try:
            place = Site.of(config)
            found = probe.ask(place.connect(), config)
            probe.save(name, place.endpoint.server, found)
            draft.write(Draft(said, found), path)
        except EsdError as error:
            again = f"{path} is written, and the site was not asked: correct it, then `esd-deploy site probe {name}`"
            raise type(error)(f"{error}\n{again}") from error
    say(f"`esd-deploy site {name}` shows all values; `esd-deploy validate --site {name} --image nest` checks an image there", err=True)
    say(str(path))


def _site_name(name: str) -> str:
    if not name or not set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") or name.startswith("-"):
        raise UsageError(f"site name '{name}': use small letters, digits and -, beginning with a letter or digit")
    return name


def _answer(what: str) -> str:
    if not sys.stdin.isatty():
        raise UsageError(f"--{what} is missing, and there is no terminal to ask on: {_ASKED[what]}")
    return str(typer.prompt(_ASKED[what]))


def _credentials(username: str | None, password_file: Path | None) -> CredentialsSource:
    """Where the login comes from; the file holds no secret."""
    if (username is None) != (password_file is None):
        raise UsageError("--username and --password-file: a password needs both")
    if username is None or password_file is None:
        return CredentialsSource(token_env="EBRAINS_TOKEN", jupyter=True, oidc=EBRAINS)  # noqa: S106 - a variable's name
    return CredentialsSource(username=username, password_file=password_file.absolute())
