"""`esd-deploy local …`: the local site's own commands; their errors become errors of this program."""

from typing import Any

from typer.core import TyperGroup

from esd_build.data.errors import ToolError
from esd_localsite.commands.local import app
from esd_localsite.errors import LocalSiteError


class _Guarded(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except LocalSiteError as error:
            raise ToolError(str(error)) from error


app.info.cls = _Guarded
