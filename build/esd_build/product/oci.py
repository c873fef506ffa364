"""The OCI twin of a SIF image: the same root file system, labels and environment, for Docker, Podman, Sarus and Kubernetes."""

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from esd_build.building.cache import Cache
from esd_build.data.errors import ToolError
from esd_build.product import finished, oci_archive
from esd_build.product.contents import Reader
from esd_build.product.oci_archive import Description
from esd_build.tools.apptainer import Apptainer
from esd_build.tools.containers import Engine
from esd_build.tools.process import remove_as

_SCRIPT = ".singularity.d/env/90-environment.sh"
_EXPORT = re.compile(r"^\s*export ([A-Za-z_][A-Za-z0-9_]*)=", re.MULTILINE)


@dataclass(frozen=True)
class Twin:
    """An OCI image in an engine: its name, and its identifier, which is the same wherever the same SIF file is converted."""

    name: str
    identifier: str


def make(image: Path, name: str, cache: Cache, apptainer: Apptainer, engine: Engine) -> Twin:
    """Load the twin of a finished image into a container engine."""
    described = finished.read(image)
    reader = Reader(cache.account)
    with tempfile.TemporaryDirectory(dir=cache.root / "temporary", prefix="oci-") as folder:
        work = Path(folder)
        cache.account.own(work)
        root = work / "root"
        try:
            entries = reader.entries(image, root)
            environment = _environment(image, (root / _SCRIPT).read_text(encoding="utf-8"), apptainer)
            sha256 = oci_archive.write_layer(root, entries, work / "layer.tar")
        finally:
            remove_as(cache.account, [root])
        created = described.labels.get("org.opencontainers.image.created", "1970-01-01T00:00:00Z")
        description = Description(name, described.labels, environment, created)
        identifier = oci_archive.write(work / "layer.tar", sha256, description, work / "image.tar")
        engine.load(work / "image.tar", identifier, name)
    return Twin(name, identifier)


def _environment(image: Path, script: str, apptainer: Apptainer) -> Mapping[str, str]:
    """What the definition's `%environment` sets, with the values that a container really sees."""
    finished = apptainer.execute(image, ("env",))
    if finished.returncode != 0:
        raise ToolError(f"{image} does not start:\n{finished.text}")
    values = dict(line.split("=", 1) for line in finished.tail if "=" in line)
    return {name: values[name] for name in {"PATH", *_EXPORT.findall(script)} if name in values}
