"""Where an image comes from: an in-toto statement with SLSA's provenance predicate (slsa.dev/provenance/v1). Pure but for `builder`."""

import json
import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

from esd_build.data.project import Project
from esd_build.product.finished import Product
from esd_build.tools.apptainer import Apptainer
from esd_build.tools.process import Account, run

BUILD_TYPE = "urn:esd-images:apptainer-build:v1"
BUILDER_VARIABLE = "ESD_BUILDER_ID"
"""A builder that others can find, such as the address of a CI job's runner, names itself by this variable."""


@dataclass(frozen=True)
class Material:
    """One thing that went in: a URI (a package-url for packages), and its SHA-256 where it is known."""

    uri: str
    sha256: str | None = None
    commit: str | None = None


_UNKNOWN = Material("git+file:.?state=unknown")


@dataclass(frozen=True)
class Builder:
    """Who built: `versions` are those of the tools whose output could differ from one version to the next."""

    identifier: str
    versions: Mapping[str, str]
    architecture: str

    @classmethod
    def here(cls, apptainer: Apptainer) -> "Builder":
        """This machine."""
        versions = {
            "esd-images": version("esd-images"),
            "apptainer": apptainer.version(),
            "mksquashfs": _first_version(("mksquashfs", "-version"), apptainer.account),
            "debootstrap": _first_version(("dpkg-query", "-W", "-f", "${Version}", "debootstrap"), apptainer.account),
        }
        return cls(os.environ.get(BUILDER_VARIABLE, "urn:esd-images:unnamed-builder"), versions, platform.machine())


def checkout(project: Project) -> Material:
    """The commit that was built; says so where files differ from it, or where git is not there or does not know."""
    if shutil.which("git") is None:
        return _UNKNOWN
    head = run(("git", "-C", str(project.root), "rev-parse", "HEAD"))
    if head.returncode != 0:
        return _UNKNOWN
    changed = run(("git", "-C", str(project.root), "status", "--porcelain", "recipes", "spack-envs", "build")).text.strip()
    return Material("git+file:." + ("?state=changed" if changed else ""), commit=head.text.strip())


def statement(product: Product, materials: Sequence[Material], builder: Builder, times: tuple[datetime, datetime]) -> str:
    """The statement as JSON; `times` are when the build was started and finished."""
    definition = {
        "buildType": BUILD_TYPE,
        "externalParameters": {"image": product.image, "environment": product.environment, "provider": product.provider},
        "internalParameters": {"plan": product.key, "stages": product.stages, "architecture": builder.architecture},
        "resolvedDependencies": [_descriptor(material) for material in materials],
    }
    details = {
        "builder": {"id": builder.identifier, "version": dict(builder.versions)},
        "metadata": {
            "invocationId": product.key,
            "startedOn": times[0].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "finishedOn": times[1].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        },
    }
    content = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": f"{product.image}-{product.label}.sif", "digest": {"sha256": product.sha256}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {"buildDefinition": definition, "runDetails": details},
    }
    return json.dumps(content, indent=2) + "\n"


def _descriptor(material: Material) -> dict[str, object]:
    digests = {"sha256": material.sha256, "gitCommit": material.commit}
    digest = {name: value for name, value in digests.items() if value}
    return {"uri": material.uri, **({"digest": digest} if digest else {})}


def _first_version(argv: Sequence[str], account: Account) -> str:
    finished = run(argv, account=account)
    words = finished.tail[0].split() if finished.returncode == 0 and finished.tail else []
    return next((word for word in words if word[0].isdigit()), "unknown")
