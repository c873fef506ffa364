"""The command esd-build: from a recipe and an environment to an image in a registry."""

import os
import signal
import sys
from typing import Annotated, NoReturn

import typer

from esd_build.commands.menu import PANELS
from esd_build.data.errors import EsdError, NoCheckoutError, UsageError, disk_full, folder_gone
from esd_build.net.words import say
from esd_build.program import version
from esd_build.program.menu import menu

app = typer.Typer(
    cls=menu(PANELS, "esd_build.commands"),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Build pinned Apptainer images from recipes and environments, check them, and publish them by digest.",
)


def _tell_version(asked: bool) -> None:
    if asked:
        say(version.told("esd-build"))
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    _version: Annotated[bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version and exit.")] = False,
) -> None:
    if debug:
        os.environ["ESD_DEBUG"] = "1"


def main() -> NoReturn:
    """Run the command line; the only place where errors become messages and exit codes."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        app(standalone_mode=True)
    except SystemExit as end:
        # Typer ends a wrong call with 2, which is ours for a wrong data file.
        raise SystemExit(UsageError.exit_code if end.code == 2 else end.code) from None
    except EsdError as error:
        if os.environ.get("ESD_DEBUG"):
            raise
        command = " ".join(word for word in sys.argv[1:2] if isinstance(error, NoCheckoutError))
        say(f"esd-build{command and ' '}{command}: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        told = disk_full(error) or folder_gone(error)
        if told is None or os.environ.get("ESD_DEBUG"):
            raise
        say(f"esd-build: {told}", err=True)
        sys.exit(told.exit_code)
    sys.exit(0)
