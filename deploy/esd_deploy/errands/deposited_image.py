"""A deposited image at a site: in the user's cache before the run is submitted, where the run's own job finds it and asks no registry."""

from collections.abc import Callable
from dataclasses import replace

from esd_build.data.errors import ToolError
from esd_build.registry import PublishedImage
from esd_deploy.backends.connection import Connection
from esd_deploy.errands import errand
from esd_deploy.inputs.content import OnDisk
from esd_deploy.sites.config import SiteConfig

SENT = "esd/image.sif"


def ensured(connection: Connection, site: SiteConfig, image: PublishedImage, sif: OnDisk, notice: Callable[[str], None]) -> None:
    """Send the image's file unless the site's cache has it, whole. Raises ToolError if it cannot be put there."""
    if _ask(connection, site, image) == "present":
        return
    notice(f"sending the image to {site.name}: {sif.size / 1e6:.0f} MB")
    if _ask(connection, site, image, sif) != "present":
        raise ToolError(f"site '{site.name}': the image was not put into the cache, and it does not say why")


def _ask(connection: Connection, site: SiteConfig, image: PublishedImage, sif: OnDisk | None = None) -> str:
    variables = (("ESD_IMAGE_SHA256", image.sif_digest.removeprefix("sha256:")), ("ESD_IMAGE_SIZE", str(image.size)))
    spec = errand.of("place.sh", site, variables, "cache.sh")
    answer = errand.run(connection, replace(spec, files=(*spec.files, (SENT, sif))) if sif else spec)
    if answer.exit_code:
        raise ToolError(f"site '{site.name}': the image cannot be put into the cache: {answer.stderr.strip()[-500:]}")
    return answer.stdout.strip()
