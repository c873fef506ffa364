"""How all pages are made from templates: whatever a site, a job or a record said stays text, and a name that is not there is an error."""

from collections.abc import Callable

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape


def templates(package: str, *, finalize: Callable[[object], object] | None = None) -> Environment:
    """The templates in the folder `templates` of a package. `finalize` is applied to each value before it is written."""
    return Environment(
        loader=PackageLoader(package),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=finalize,
    )
