"""A site, an image, a plan, as esd-deploy's own tests have them."""

from tests.esd_deploy.conftest import config, connection, image, planned, script

__all__ = ["config", "connection", "image", "planned", "script"]
