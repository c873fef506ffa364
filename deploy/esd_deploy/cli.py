"""The command `esd-deploy`: run programs at a site and keep a record of what ran."""

import os
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from esd_build.data.errors import EsdError, UsageError, disk_full, folder_gone
from esd_build.net.words import say
from esd_build.program import version
from esd_build.program.loading import INTERRUPTED
from esd_build.program.menu import menu
from esd_deploy.commands.menu import PANELS
from esd_deploy.commands.shared.console import stop

app = typer.Typer(
    cls=menu(PANELS, "esd_deploy.commands"),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Run programs at EBRAINS sites, from images pinned by digest, and keep a record of what ran.",
)


def _tell_version(asked: bool) -> None:
    if asked:
        say(version.told("esd-deploy"))
        raise typer.Exit


@app.callback()
def _settings(
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    _version: Annotated[bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version and exit.")] = False,
) -> None:
    if debug:
        os.environ["ESD_DEBUG"] = "1"


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point: every expected error becomes one message and its exit code."""
    try:
        app(arguments, standalone_mode=True)
    except SystemExit as end:
        # Typer ends a wrong call with 2, which is ours for a wrong data file.
        raise SystemExit(UsageError.exit_code if end.code == 2 else end.code) from None
    except KeyboardInterrupt:
        stop("interrupted", INTERRUPTED)
    except EsdError as error:
        if os.environ.get("ESD_DEBUG"):
            raise
        stop(str(error), error.exit_code)
    except OSError as error:
        told = disk_full(error) or folder_gone(error)
        if told is None or os.environ.get("ESD_DEBUG"):
            raise
        stop(str(told), told.exit_code)
    raise SystemExit(0)
