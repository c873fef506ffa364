"""The command line of the local site: `esd-deploy local up | down | status | fault | module`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from esd_localsite import lifecycle
from esd_localsite.commands import fault, module
from esd_localsite.errors import LocalSiteError
from esd_localsite.state.options import Launcher, Profile, Server, SiteOptions, Speed, parse_partition, parse_source, parse_user
from esd_localsite.state.status import SiteStatus, State

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Start, stop and inspect a whole HPC site on this machine: Slurm, a registry, UNICORE."
)

Name = Annotated[str, typer.Option("--name", help="Which local site: each has its own state, network and ports.")]
Json = Annotated[bool, typer.Option("--json", help="Print the status as one JSON document.")]
Purge = Annotated[bool, typer.Option("--purge", help="Remove the site's state too: images, jobs, password, certificates.")]


@app.command()
def up(  # noqa: PLR0913 - the options of a site, which are many
    name: Name = "local",
    *,
    profile: Annotated[Profile | None, typer.Option(help="slurm: two nodes, needs root or sudo; nobatch: no Slurm, no root.")] = None,
    server: Annotated[Server | None, typer.Option(help="own: this project's endpoint; unicorex: the real UNICORE/X (needs Java).")] = None,
    tsi: Annotated[Path | None, typer.Option(help="With unicorex: UNICORE's TSI, as an archive or a folder; default: fetch it.")] = None,
    launcher: Annotated[
        Launcher | None, typer.Option(help="slurmd: Slurm's own; parastation: psid with psslurm and pspmix, as at Jülich (built once).")
    ] = None,
    psmgmt: Annotated[
        Path | None, typer.Option(help="With parastation: the source of psmgmt, as an archive or a folder; default: fetch it.")
    ] = None,
    psmgmt_hash: Annotated[str | None, typer.Option(help="Accept a source whose files have this hash instead of the tried one.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="The UNICORE endpoint's port.")] = None,
    site_name: Annotated[str | None, typer.Option(help="The site's name as UNICORE spells it.")] = None,
    user: Annotated[list[str] | None, typer.Option(help="A further user with a separate account: NAME or NAME=PASSWORD_FILE.")] = None,
    partition: Annotated[
        list[str] | None, typer.Option(help="A Slurm partition, NAME[:MINUTES][@NODE]; default: all nodes. The first is the default one.")
    ] = None,
    mpi: Annotated[list[str] | None, typer.Option(help="An MPI plugin that Slurm offers, e.g. pspmix; the first is the default.")] = None,
    ci_speed: Annotated[bool, typer.Option("--ci-speed", help="Shortest time constants, for tests.")] = False,
    realistic: Annotated[bool, typer.Option("--realistic", help="Time constants of an installed UNICORE server.")] = False,
    no_login_precommand: Annotated[bool, typer.Option("--no-login-precommand", help="Precommands run inside the batch job.")] = False,
    token_seconds: Annotated[int | None, typer.Option(min=1, help="Lifetime of the OIDC issuer's access tokens in seconds (300).")] = None,
    as_json: Json = False,
) -> None:
    """Start the site unless it runs, and say how to reach it. Options are kept for later starts."""
    if ci_speed and realistic:
        raise typer.BadParameter("--ci-speed and --realistic exclude each other")
    choices = {
        "profile": profile,
        "server": server,
        "tsi": parse_source("--tsi", tsi) if tsi else None,
        "launcher": launcher,
        "psmgmt": parse_source("--psmgmt", psmgmt) if psmgmt else None,
        "psmgmt_hash": psmgmt_hash,
        "unicore_port": port,
        "unicore_site": site_name,
        "users": tuple(map(parse_user, user)) if user else None,
        "partitions": tuple(map(parse_partition, partition)) if partition else None,
        "mpi": tuple(mpi) if mpi else None,
        "speed": Speed.CI if ci_speed else Speed.REALISTIC if realistic else None,
        "token_seconds": token_seconds,
        "login_precommand": False if no_login_precommand else None,
    }
    given = {key: value for key, value in choices.items() if value is not None}
    _conclude(lifecycle.up(name, options=SiteOptions.of(**given) if given else None, progress=_progress), name, as_json=as_json)


@app.command()
def down(name: Name = "local", purge: Purge = False) -> None:
    """Stop the site; only its state directory stays."""
    lifecycle.down(name, purge=purge, progress=_progress)


@app.command()
def status(name: Name = "local", as_json: Json = False) -> None:
    """Ask each part of the site whether it answers, and say how to reach it. Exit code 0 only if all parts run."""
    found = lifecycle.look(name)
    _show(found, as_json=as_json)
    if not found.usable:
        raise typer.Exit(1)


app.command()(fault.fault)
app.command()(module.module)


def _progress(text: str) -> None:
    sys.stderr.write(f"local site: {text}\n")


def _conclude(started: SiteStatus, name: str, *, as_json: bool) -> None:
    """The result of `up`: a site that answers. Raises LocalSiteError if a site that already ran does not answer."""
    found = lifecycle.look(name) if started.state is State.RUNNING else started
    _show(found, as_json=as_json)
    if not found.usable:
        raise LocalSiteError(f"the local site '{name}': {found.detail}")


def _show(site: SiteStatus, *, as_json: bool) -> None:
    typer.echo(site.model_dump_json(indent=2) if as_json else describe(site))


def describe(site: SiteStatus) -> str:
    """The status for people."""
    rows = {
        "site": f"{site.name}: {site.state} ({site.detail})" if site.detail != site.state else f"{site.name}: {site.state}",
        "UNICORE": site.unicore_url,
        "server": "UNICORE/X 2.9.0" if site.server is Server.UNICOREX else None,
        "launcher": site.launcher if site.launcher is not Launcher.SLURMD else None,
        "registry": f"{site.registry}, account to push in {site.registry_login_file}" if site.registry else None,
        "queue": site.nmpi_url,
        "nodes": ", ".join(site.nodes) or None,
        "user": f"{site.username}, password in {site.password_file}",
        "CA": site.ca_file,
        "Slurm": f"SLURM_CONF={site.slurm_conf}" if site.slurm_conf else "none: batch scripts run as processes of this machine",
        "owner": site.owner,
        "answers": ", ".join(part for part, answer in site.answers.items() if answer.ok) or None,
    }
    lines = [f"{key:<9} {value}" for key, value in rows.items() if value is not None]
    return "\n".join((*lines, *(f"no answer {part}: {site.answers[part].said}" for part in site.silent)))
