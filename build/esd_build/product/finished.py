"""A finished image in `dist/images/`: the SIF file, and beside it a description of what it is."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from esd_build.building.stage import BuildPlan, file_hash
from esd_build.data.errors import UsageError
from esd_build.data.whole import whole, write_whole


class Product(BaseModel):
    """`<image>-<label>.json`: what the SIF file beside it was made from. `size` is in bytes, `sha256` in hex.

    `label` is the environment's name with what sets the image apart from those that release.yaml describes (`edge-x86_64_v4`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: str
    environment: str
    label: str
    provider: str
    key: str
    sha256: str
    size: int
    stages: dict[str, str | None]
    labels: dict[str, str]


def write(source: Path, target: Path, plan: BuildPlan, labels: Mapping[str, str]) -> None:
    """Copy a built image to `target` with its description; the image appears whole, and never beside another one's description."""
    description = target.with_suffix(".json")
    with whole(target) as part:
        shutil.copyfile(source, part)
        part.chmod(0o755)
        product = _describe(part, plan, labels)
        description.unlink(missing_ok=True)
    write_whole(description, product.model_dump_json(indent=2) + "\n")


def _describe(image: Path, plan: BuildPlan, labels: Mapping[str, str]) -> Product:
    return Product(
        image=plan.recipe.name,
        environment=plan.environment.name,
        label=plan.environment.label,
        provider=plan.environment.provider,
        key=str(plan.image.key),
        sha256=file_hash(image),
        size=image.stat().st_size,
        stages={stage.name: stage.key for stage in plan.stages},
        labels=dict(labels),
    )


def read(image: Path) -> Product:
    """The description of a finished image. Raises UsageError if there is none, or if the image beside it is another one."""
    try:
        product = Product.model_validate_json(image.with_suffix(".json").read_text())
        if product.size == image.stat().st_size:
            return product
    except (OSError, ValidationError):
        pass
    raise UsageError(f"{image} is missing or incomplete: `make image` builds it")


def is_whole(image: Path, *, key: str) -> bool:
    """Whether the image is there, whole, and the one with this key."""
    try:
        return read(image).key == key
    except UsageError:
        return False
