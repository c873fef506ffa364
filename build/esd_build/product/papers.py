"""The documents beside a finished image: its bill of materials and its provenance."""

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from esd_build.building.cache import Cache
from esd_build.building.stage import BuildPlan, Stage, file_hash
from esd_build.data.project import Project
from esd_build.product import bill, finished, inventory, provenance
from esd_build.product.contents import Reader
from esd_build.product.inventory import Package
from esd_build.product.provenance import Builder, Material
from esd_build.providers import choice
from esd_build.tools.apptainer import Apptainer
from esd_build.tools.process import remove_as

BILL, PROVENANCE, LOCK = ".cdx.json", ".provenance.json", ".spack.lock"


def are_there(image: Path, plan: BuildPlan) -> bool:
    """Whether the documents lie beside an image, and are about this very file."""
    if choice.of(plan).has_lock and not image.with_suffix(LOCK).is_file():
        return False
    digest = finished.read(image).sha256
    paths = (image.with_suffix(BILL), image.with_suffix(PROVENANCE))
    return all(path.is_file() and digest in path.read_text(encoding="utf-8") for path in paths)


def write(image: Path, plan: BuildPlan, project: Project, cache: Cache, apptainer: Apptainer) -> None:
    """Write both documents beside an image that was just handed out, and the lock of what was installed where its provider has one."""
    described = finished.read(image)
    packages = list_packages(image, plan, cache)
    lock = choice.of(plan).lock(project, plan)
    if lock is not None:
        image.with_suffix(LOCK).write_text(lock.text, encoding="utf-8")
        packages += inventory.spack(lock)
    created = f"{plan.environment.midnight:%Y-%m-%dT%H:%M:%S+00:00}"
    image.with_suffix(BILL).write_text(bill.document(described, packages, created), encoding="utf-8")
    materials = [provenance.checkout(project), *_materials(plan, cache), *(Material(str(bill.purl(p)), p.sha256) for p in packages)]
    times = (_began(plan.image, cache), datetime.fromtimestamp(cache.path(plan.image).stat().st_ctime, UTC))
    text = provenance.statement(described, materials, Builder.here(apptainer), times)
    image.with_suffix(PROVENANCE).write_text(text, encoding="utf-8")


def list_packages(image: Path, plan: BuildPlan, cache: Cache) -> list[Package]:
    """Everything that the package databases inside an image name, and the sources that it was compiled from."""
    place = cache.make_folder(cache.root / "temporary")
    with tempfile.TemporaryDirectory(dir=place, prefix="papers-") as folder:
        cache.account.own(Path(folder))
        root = Reader(cache.account).unpack(image, Path(folder) / "root", only=inventory.READ)
        try:
            found = [*inventory.debian(root), *inventory.python(root)]
        finally:
            remove_as(cache.account, [root])
    lock = plan.environment.file("sources.txt").read_text() if "sources" in plan.recipe.inputs else ""
    return [*found, *inventory.sources(lock)]


def _materials(plan: BuildPlan, cache: Cache) -> Iterator[Material]:
    """The files that the stages were made from: the base image, downloaded archives."""
    for stage in plan.stages[:-1]:
        path = cache.path(stage) if stage.key else None
        if path is None or not path.exists():
            continue
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        for file in files:
            yield Material(f"urn:esd-images:{stage.kind}:{stage.name}:{file.name}", file_hash(file))


def _began(stage: Stage, cache: Cache) -> datetime:
    """When the build of an image began, as the first line of its log tells; without a log, when it ended."""
    try:
        with cache.log(stage).open(encoding="utf-8") as log:
            return datetime.fromisoformat(log.readline().strip())
    except (OSError, ValueError):
        return datetime.fromtimestamp(cache.path(stage).stat().st_mtime, UTC)
