"""The command line of the local site: `esd-deploy local up | down | status`."""

import sys
from typing import Annotated

import typer

from esd_localsite import lifecycle
from esd_localsite.status import SiteStatus

app = typer.Typer(no_args_is_help=True, help="A whole HPC site on this machine: Slurm with two nodes, a registry, UNICORE.")

Name = Annotated[str, typer.Option("--name", help="Which local site: each has its own state, network and ports.")]
Json = Annotated[bool, typer.Option("--json", help="Print the status as one JSON document.")]
Purge = Annotated[bool, typer.Option("--purge", help="Remove the site's state too: images, jobs, password, certificates.")]


@app.command()
def up(name: Name = "local", as_json: Json = False) -> None:
    """Start the site unless it runs, and say how to reach it."""
    _show(lifecycle.up(name, progress=_progress), as_json=as_json)


@app.command()
def down(name: Name = "local", purge: Purge = False) -> None:
    """Stop the site; nothing stays behind but its state directory."""
    lifecycle.down(name, purge=purge, progress=_progress)


@app.command()
def status(name: Name = "local", as_json: Json = False) -> None:
    """Say whether the site runs, and how to reach it."""
    _show(lifecycle.status(name), as_json=as_json)


def _progress(text: str) -> None:
    sys.stderr.write(f"local site: {text}\n")


def _show(site: SiteStatus, *, as_json: bool) -> None:
    typer.echo(site.model_dump_json(indent=2) if as_json else describe(site))


def describe(site: SiteStatus) -> str:
    """The status for people."""
    rows = {
        "site": f"{site.name}: {site.state} ({site.detail})" if site.detail != site.state else f"{site.name}: {site.state}",
        "UNICORE": site.unicore_url,
        "registry": site.registry,
        "nodes": ", ".join(site.nodes),
        "user": f"{site.username}, password in {site.password_file}",
        "CA": site.ca_file,
        "Slurm": f"SLURM_CONF={site.slurm_conf}",
        "owner": site.owner,
    }
    return "\n".join(f"{key:<9} {value}" for key, value in rows.items() if value is not None)
