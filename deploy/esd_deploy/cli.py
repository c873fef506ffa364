"""The command `esd-deploy`: run programs at a site and keep a record of what ran."""

import os
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from esd_build.data import version
from esd_build.data.errors import EsdError, UsageError, disk_full, folder_gone
from esd_build.data.loading import INTERRUPTED
from esd_build.net.words import say
from esd_deploy.commands import (
    attach,
    cancel,
    compare,
    delete,
    drift,
    export,
    fetch,
    fit,
    image_contents,
    images,
    list,  # noqa: A004 - the module of the command of that name
    local,
    login,
    logs,
    rerun,
    run,
    script,
    serve,
    services,
    show,
    site,
    sites,
    stop,
    submit,
    tunnel,
    ui,
    validate,
    watch,
)
from esd_deploy.commands.console import stop as end

app = typer.Typer(
    cls=local.WithLocal,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Run programs at EBRAINS sites, from images pinned by digest, and keep a record of what ran.",
)
PANELS = {
    "Run": (run, submit, script, rerun),
    "Follow": (attach, watch, list, show, logs, tunnel, cancel, ui),
    "Serve": (serve, services, stop),
