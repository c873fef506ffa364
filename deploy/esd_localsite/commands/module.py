"""`esd-deploy local module`: give the site a software module that differs from the image."""

from pathlib import Path
from typing import Annotated

import typer

from esd_localsite import elevation
from esd_localsite.cluster import module_install
from esd_localsite.state.plan import checkout


def module(
    what: Annotated[str, typer.Argument(help="NAME/VERSION, e.g. ESD/24.10.")],
    *,
    name: Annotated[str, typer.Option("--name", help="Which local site.")] = "local",
    image: Annotated[Path | None, typer.Option(help="The image below; default: dist/images/nest-edge.sif.")] = None,
    packages: Annotated[list[str] | None, typer.Option("--with", help="A package, e.g. neo==0.13.3; default: what VERSION has.")] = None,
) -> None:
    """Install software behind `module load WHAT`: an image, with other versions of some packages in front of its own."""
    file = (image or _built()).absolute()
    planned = module_install.plan_module(what, file, packages or ())
    if elevation.may_act(name):
        module_install.install(name, planned, _say)
    else:
        elevation.as_root(("module", name, what, str(file), *(packages or ())), _say)


def _built() -> Path:
    """The image as `make image` leaves it in a checkout."""
    if not (checkout() / "pyproject.toml").is_file():
        raise typer.BadParameter("outside a checkout there is no dist/images/: name the image below with --image FILE")
    return checkout() / "dist" / "images" / "nest-edge.sif"


def _say(text: str) -> None:
    typer.echo(f"local site: {text}", err=True)
