"""`esd-deploy local …`: the local site's own commands, loaded only when one of them is called."""

from typing import Any

import typer
from typer.core import TyperGroup

from esd_build.data.errors import ToolError


class WithLocal(TyperGroup):
    """A program whose command `local` is a placeholder in the list of commands; a call or completion loads the real group."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        return (name, _group(), rest) if name == "local" else (name, command, rest)


def _group() -> Any:
    """The real commands; their errors become errors of this program."""
    from esd_localsite.commands.local import app  # noqa: PLC0415 - only this command needs the local site
    from esd_localsite.errors import LocalSiteError  # noqa: PLC0415

    class Guarded(TyperGroup):
        def invoke(self, ctx: Any) -> Any:
            try:
                return super().invoke(ctx)
            except LocalSiteError as error:
                raise ToolError(str(error)) from error

    app.info.cls = Guarded
    return typer.main.get_command(app)


def local() -> None:
    """Start, stop and inspect a whole HPC site on this machine."""
