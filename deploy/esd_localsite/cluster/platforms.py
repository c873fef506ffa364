"""Which images the neuromorphic queue runs: `<platform>.sif` in a folder of the site."""

import os
import shutil
from pathlib import Path

from esd_localsite.state.files import make_folder
from esd_localsite.state.layout import Layout
from esd_localsite.state.plan import checkout

BUILT = {"Demo": "nest-edge.sif", "SpiNNaker": "spinnaker-edge.sif"}
"""The images of this checkout that platforms run, if they have been built."""


def offer_built(layout: Layout) -> None:
    """Give each platform the image that this checkout has built. A platform without an image refuses jobs."""
    make_folder(layout.platforms)
    for platform, name in BUILT.items():
        image = checkout() / "dist" / "images" / name
        if image.is_file():
            target = layout.platforms / f"{platform}.sif"
            target.unlink(missing_ok=True)
            if layout.needs_root:
                take_image(image, target)
            else:
                target.symlink_to(image)  # the checkout's owner can read it


def take_image(image: Path, target: Path) -> None:
    """The image as a hard link, which stays when `make image` makes a new one."""
    try:
        os.link(image, target)
    except OSError:  # another disk
        shutil.copyfile(image, target)
        target.chmod(0o755)
