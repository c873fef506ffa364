"""What `up` provides and writes for ParaStation before anything starts."""

import os
from collections.abc import Callable
from pathlib import Path

from esd_localsite.cluster import mpi_plugins
from esd_localsite.parastation import build, configuration
from esd_localsite.parastation.places import Places
from esd_localsite.state.files import make_folder, write
from esd_localsite.state.layout import Layout
from esd_localsite.state.options import SiteOptions


def provide(layout: Layout, options: SiteOptions, progress: Callable[[str], None]) -> None:
    """Finds or builds ParaStation before anything else is written, because it may not fit this machine. Raises LocalSiteError."""
    places = Places(layout)
    built = build.provide(places.store, options.psmgmt, options.psmgmt_hash, progress)
    make_folder(places.folder)
    new = places.folder / ".installed"
    new.unlink(missing_ok=True)
    new.symlink_to(built)
    new.replace(places.installed)


def configure(layout: Layout) -> None:
    """Write the files of psid and its plugins, and offer Slurm's clients ParaStation's plugin; after the site's own preparation."""
    places = Places(layout)
    built = places.installed.resolve(strict=True)
    make_folder(places.plugins)
    for node, cpus in configuration.cpu_maps(os.cpu_count() or 1).items():
        write(places.daemon(node), configuration.daemon_conf(built, cpus))
    for name, text in configuration.plugin_confs(layout, build.machine().slurm).items():
        write(places.plugins / name, text)
    mpi_plugins.offer_foreign(mpi_plugins.slurm_plugins(), layout.mpi_plugins, built / "lib" / "slurm" / "mpi_pspmix.so")


def version(layout: Layout) -> str:
    """What the site's nodes run, in one line."""
    folder: Path = Places(layout).installed
    return build.version_of(folder)
