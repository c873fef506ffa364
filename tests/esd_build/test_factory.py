import errno
import io
import os
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from filelock import FileLock
from rich.console import Console

from esd_build import factory as factory_module
from esd_build.building.cache import Cache
from esd_build.building.progress import BuildProgress
from esd_build.building.stage import Stage
from esd_build.data.errors import ToolError, UsageError
from esd_build.data.project import Environment, Project
from esd_build.factory import Factory
from esd_build.product import finished
from esd_build.tools.apptainer import Order
from esd_build.tools.process import Account, Finished

PAPERS = (".cdx.json", ".provenance.json")


class FakeApptainer:
    """Stands in for Apptainer: notes what it was asked to build, and what lay in the build folder."""

    def __init__(self) -> None:
        self.built: list[tuple[str, str | None, dict[str, str]]] = []
        self.contents: list[set[str]] = []
        self.orders: list[Order] = []
        self.fails: Exception | None = None

    def version(self) -> None:
        """It is there."""

    def require_namespaces(self) -> None:
        """They work."""

    def is_whole(self, image: Path) -> bool:
        return image.read_text().startswith("image from")

    def build(self, order: Order, image: Path, on_line: Callable[[str], None]) -> None:
        arguments = dict(line.split("=", 1) for line in (order.context / order.argument_file).read_text().splitlines())
        self.contents.append({path.name for path in order.context.iterdir()})
        self.orders.append(order)
        image.write_text("half an image")
        if self.fails:
            raise self.fails
        self.built.append((order.definition, order.bind, arguments))
        on_line("[1/1] done")
        image.write_text(f"image from {order.definition}")

    def execute(self, image: Path, command: Sequence[str]) -> Finished:
        return Finished(0, ("g++=14", "python3=3.13"))

    def labels(self, image: Path) -> dict[str, str]:
        return {"eu.ebrains.esd.environment": "edge"}


def fake_download(environment: Environment, target: Path) -> None:
    target.mkdir(parents=True)
    (target / "package.whl").write_text("wheel")


def fake_papers(image: Path, *_: object) -> None:
    for ending in PAPERS:
        image.with_suffix(ending).write_text(finished.read(image).sha256)


@pytest.fixture
def apptainer() -> FakeApptainer:
    return FakeApptainer()


@pytest.fixture
def make(project: Project, apptainer: FakeApptainer, monkeypatch: pytest.MonkeyPatch) -> Factory:
    monkeypatch.setenv("ESD_IMAGES_CACHE", str(project.root / "cache"))
    monkeypatch.setenv("ESD_IMAGES_MIRROR", "http://mirror.example/debian")
    monkeypatch.setattr("esd_build.building.downloads.FETCH", {"wheels": fake_download, "sources": fake_download})
    monkeypatch.setattr(
        "esd_build.product.papers.write", lambda image, *_: [image.with_suffix(e).write_text(finished.read(image).sha256) for e in PAPERS]
    )
    monkeypatch.setattr(factory_module, "remove_as", lambda _account, paths: [shutil.rmtree(path) for path in paths])
    account = Account("me", os.geteuid(), os.getegid(), project.root / "home")
    progress = BuildProgress(Console(file=io.StringIO()))
    return Factory(project, project.environment("edge"), Cache.open(account), apptainer, progress)  # type: ignore[arg-type]


def image(make: Factory) -> Path:
    return make.image(make.project.recipe("nest"))


def test_base_first_then_the_image_with_its_inputs(make: Factory, apptainer: FakeApptainer) -> None:
    finished = image(make)
    assert finished == make.project.root / "dist/images/nest-edge.sif"
    assert finished.read_text() == "image from nest.def"
    assert [(definition, bind) for definition, bind, _ in apptainer.built] == [
        ("base.def", None),
        ("nest.def", f"{make.cache.root}/compiled:/mnt"),
    ]
    assert apptainer.contents[1] == {
        *("nest.def", "settings.conf", "requirements.txt", "wheels", "sources", "base.sif", "build-arguments"),
    }


def test_definition_gets_the_arguments_that_it_uses_and_no_others(make: Factory, apptainer: FakeApptainer) -> None:
    image(make)
    assert apptainer.built[0][2] == {"suite": "trixie", "mirror": "http://mirror.example/debian"}
    plan = make.plan(make.project.recipe("nest"))
    compilation = plan.stage("nest/build")
    assert compilation is not None
    assert apptainer.built[1][2] == {
        "base": "base.sif",
        "march": "x86-64-v3",
        "nest_version": "3.10.0",
        "compile_key": str(compilation.key),
    }


def test_second_time_builds_nothing(make: Factory, apptainer: FakeApptainer) -> None:
    before = image(make).stat().st_mtime_ns
    assert image(make).stat().st_mtime_ns == before
    assert len(apptainer.built) == 2


def test_changed_image_is_built_on_the_same_base(make: Factory, apptainer: FakeApptainer) -> None:
    image(make)
    path = make.project.root / "recipes/nest/settings.conf"
    path.write_text("threads = 4\n")
    image(make)
    assert [definition for definition, _, _ in apptainer.built] == ["base.def", "nest.def", "nest.def"]


def test_image_that_was_damaged_is_handed_out_again(make: Factory) -> None:
    image(make).write_text("cut o")
    assert image(make).read_text() == "image from nest.def"


def test_description_tells_what_went_in(make: Factory) -> None:
    found = finished.read(image(make))
    assert (found.image, found.environment, found.provider) == ("nest", "edge", "debian")
    assert list(found.stages) == ["base", "wheels", "sources", "nest/build", "nest"]
    assert found.key == found.stages["nest"]
    assert found.labels == {"eu.ebrains.esd.environment": "edge"}


@pytest.mark.parametrize("failure", [ToolError("no compiler"), KeyboardInterrupt()])
def test_failed_or_interrupted_build_leaves_nothing_half(make: Factory, apptainer: FakeApptainer, failure: Exception) -> None:
    image(make)
    (make.project.root / "recipes/nest/settings.conf").write_text("threads = 4\n")
    apptainer.fails = failure
    with pytest.raises(type(failure)):
        image(make)
    key = make.plan(make.project.recipe("nest")).image
    assert not make.cache.has(key)
    assert (make.project.images / "nest-edge.sif").read_text() == "image from nest.def"
    apptainer.fails = None
    assert image(make).read_text() == "image from nest.def"
    assert make.cache.has(key)


def test_full_disk_is_said_before_the_build(make: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _path: os.terminal_size((0, 0)) and type("Usage", (), {"free": 10**9}))
    with pytest.raises(ToolError, match=r"only 1\.0 GB free .* a build needs 4 GB; make room, or set ESD_IMAGES_CACHE"):
        image(make)


def test_full_disk_in_a_build_is_one_message(make: Factory, apptainer: FakeApptainer) -> None:
    apptainer.fails = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(ToolError, match=r"the disk is full.*nothing half-done was kept"):
        image(make)


def test_full_disk_while_handing_out_leaves_no_part(make: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    image(make).unlink()

    def full(_source: Path, target: Path) -> None:
        target.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(ToolError, match=r"disk is full.*nothing half-done was kept"):
        image(make)
    assert sorted(path.name for path in make.project.images.iterdir()) == [
        "nest-edge.cdx.json",
        "nest-edge.json",
        "nest-edge.provenance.json",
    ]


def test_prepared_folder_can_be_read_before_building(make: Factory, tmp_path: Path, apptainer: FakeApptainer) -> None:
    folder = make.prepare(make.project.recipe("nest"), tmp_path / "context")
    assert (folder / "base.sif").read_text() == "image from base.def"
    assert (folder / "nest.def").read_text() == (make.project.root / "recipes/nest/nest.def").read_text()
    assert [definition for definition, _, _ in apptainer.built] == ["base.def"]
    with pytest.raises(UsageError, match="is not empty"):
        make.prepare(make.project.recipe("nest"), folder)


def test_packages_of_an_unbuilt_base_are_unknown(make: Factory) -> None:
    assert make.cache.packages("base", "0" * 16) is None
    assert not make.cache.has(Stage("nest", "image", {"base": None}))


def test_image_in_the_cache_that_was_cut_off_is_built_anew(make: Factory, apptainer: FakeApptainer) -> None:
    image(make)
    key = make.plan(make.project.recipe("nest")).image
    make.cache.path(key).write_text("half an")
    assert image(make).read_text() == "image from nest.def"
    assert [definition for definition, _, _ in apptainer.built] == ["base.def", "nest.def", "nest.def"]


def test_the_same_date_and_name_for_the_same_inputs(make: Factory, apptainer: FakeApptainer) -> None:
    image(make)
    base, nest = apptainer.orders
    assert base.packing.epoch == nest.packing.epoch == int(make.environment.midnight.timestamp())
    assert nest.name == make.plan(make.project.recipe("nest")).image.key


def test_a_second_build_at_the_same_time_says_that_it_waits(make: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(make.progress, "say", said.append)
    other = Cache.at(make.cache.root, make.cache.account).lock
    real = FileLock.acquire

    def acquire(lock: FileLock, **options: object) -> object:
        if "timeout" not in options:
            other.release()  # the other build ends while this one waits
        return real(lock, **options)

    other.acquire()
    monkeypatch.setattr(FileLock, "acquire", acquire)
    image(make)
    assert f"    another build is running in {make.cache.root}; waiting for it" in said


def test_packages_that_are_not_as_recorded_are_said(make: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(make.progress, "say", said.append)
    (make.environment.folder / "apt.lock").write_text("# recorded\ng++=13\npython3=3.13\n")
    image(make)
    assert [line for line in said if "apt.lock" in line] == ["    not as in edge/apt.lock: g++: 13 → 14"]


def test_cache_over_its_limit_keeps_what_the_plan_needs(make: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    image(make)
    old = make.cache.path(make.plan(make.project.recipe("nest")).image)
    (make.project.root / "recipes/nest/settings.conf").write_text("threads = 4\n")
    monkeypatch.setenv("ESD_IMAGES_CACHE_LIMIT", "0")
    monkeypatch.setattr(
        "esd_build.building.shelf.remove_as", lambda _account, paths: [p.unlink() if p.is_file() else shutil.rmtree(p) for p in paths]
    )
    image(make)
    plan = make.plan(make.project.recipe("nest"))
    assert not old.exists()
    assert all(make.cache.has(stage) for stage in plan.stages if stage.kind != "compile")


def test_downloads_go_on_while_the_base_is_built(make: Factory, apptainer: FakeApptainer, monkeypatch: pytest.MonkeyPatch) -> None:
    arrived, build = threading.Event(), apptainer.build

    def fetch(environment: Environment, target: Path) -> None:
        fake_download(environment, target)
        arrived.set()

    def build_after_the_download(order: Order, image: Path, on_line: Callable[[str], None]) -> None:
        assert arrived.wait(10), "the base is built, and nothing was fetched beside it"
        build(order, image, on_line)

    monkeypatch.setattr("esd_build.building.downloads.FETCH", {"wheels": fetch, "sources": fetch})
    monkeypatch.setattr(apptainer, "build", build_after_the_download)
    assert image(make).is_file()


def test_a_download_that_fails_beside_the_base_is_told_and_the_base_kept(make: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_environment: Environment, _target: Path) -> None:
        raise ToolError("no index")

    monkeypatch.setattr("esd_build.building.downloads.FETCH", {"wheels": fake_download, "sources": fail})
    with pytest.raises(ToolError, match="no index"):
        image(make)
    assert [path.name[:5] for path in (make.cache.root / "images").glob("*.sif")] == ["base-"]
