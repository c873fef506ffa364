"""The command `esd-deploy export RUN`."""

from pathlib import Path
from typing import Annotated

import typer

from esd_build.data.errors import UsageError
from esd_build.data.paths import shown
from esd_build.data.reference import ImageReference
from esd_build.net.words import say
from esd_build.registry import Registry
from esd_deploy.commands.shared import options
from esd_deploy.commands.shared.several import Chosen
from esd_deploy.records import record
from esd_deploy.records.record import RUNS, RunRecord
from esd_deploy.runs.site import Site
from esd_deploy.sites import familiar
from esd_deploy.sites.catalogue import load_site

app = typer.Typer()


@app.command()
def export(
    run_ids: options.RunIds = None,
    *,
    tag: options.OfTag = None,
    to: Annotated[
        Path | None,
        typer.Option(help="A folder, or a .zip file; of several runs the folder of all. Default: <id>.crate.zip or <id>.oci here."),
    ] = None,
    oci: Annotated[
        bool, typer.Option("--oci", help="An OCI image layout with the run and its image: `rerun --from` needs no registry.")
    ] = False,
    author: Annotated[
        list[str] | None, typer.Option("--author", metavar="NAME", help="Who made the run: 'Given Family <ORCID>'; may be repeated.")
    ] = None,
    license_url: Annotated[
        str | None, typer.Option("--license", metavar="SPDX|URL", help="Licence of script and results: CC-BY-4.0, or a URL.")
    ] = None,
    output: options.Output = RUNS,
) -> None:
    """Write a run as a Workflow Run RO-Crate: script, inputs, results, versions and image in a standard form."""
    from esd_deploy.studies import citation, crate, deposit  # noqa: PLC0415 - the library takes a moment, which other commands need not wait

    license_url = None if license_url is None else crate.license_of(license_url)
    by = tuple(citation.author(one) for one in author or ())
    chosen = Chosen.of(run_ids, tag, output)
    if chosen.many and to is not None:
        _make_folder(to)

    def one(run_id: str) -> None:
        own = Path(f"{run_id}.oci" if oci else f"{run_id}.crate.zip")
        target = own if to is None else to / own if chosen.many else to
        known, folder = record.own(output, run_id), output / run_id
        if oci:
            written = deposit.write(known, folder, target, _registry(known), license_url=license_url, authors=by)
        else:
            written = crate.write(known, folder, target, license_url=license_url, authors=by)
        say(str(shown(written)))

    chosen.each(one)


def _registry(known: RunRecord) -> Registry:
    """The registry of a run's image, whose certificate the run's site vouches for. Raises UsageError for a run without an image."""
    if known.image is None:
        raise UsageError(f"run '{known.id}' had no image (mode {known.mode}); `export` without --oci packs it")
    host = ImageReference.parse(known.image.reference).registry
    place = Site.of(load_site(familiar.site_of(known.site, known.site_file))[0])
    return Registry(host, ca_file=place.endpoint.authority_of(host))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--to {folder}: {error.strerror}; of several runs it is the folder of their crates") from error
