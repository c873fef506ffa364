"""Acts on build plans: downloads, builds, and hands out finished images. Every result appears whole or not at all."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import Timeout

from esd_build.building import context, machine, packages, shelf
from esd_build.building.cache import Cache
from esd_build.building.definition import Definition
from esd_build.building.history import History
from esd_build.building.progress import BuildProgress
from esd_build.building.stage import BuildPlan, Stage
from esd_build.data.errors import ToolError, UsageError, disk_full
from esd_build.data.project import Environment, Project, Recipe
from esd_build.product import finished, papers
from esd_build.providers import choice
from esd_build.providers.choice import provider_of
from esd_build.providers.plan import make_plan
from esd_build.providers.port import Provider
from esd_build.providers.spack.provider import BUILDER
from esd_build.providers.spack.workshop.session import Workshop
from esd_build.tools.apptainer import Apptainer, Order
from esd_build.tools.packing import Packing
from esd_build.tools.process import remove_as

_PACKAGES = "/opt/esd/packages.txt"


@dataclass(frozen=True)
class Factory:
    """Builds images of one environment."""

    project: Project
    environment: Environment
    cache: Cache
    apptainer: Apptainer
    progress: BuildProgress

    def plan(self, recipe: Recipe) -> BuildPlan:
        """Plan an image. Keys that depend on a base image that is not built yet are unknown."""
        return make_plan(self.project, recipe, self.environment, machine.architecture(), self.cache.packages)

    def image(self, recipe: Recipe) -> Path:
        """Build what is missing, and put the image into `dist/images/`, with a description beside it."""
        self._require_tools()
        self.plan(recipe)  # what is wrong in the files is told now, not after another build
        with self._alone():
            plan = self._make(recipe)
            self._prune(plan)
            with _disk_full_explained():
                return self._hand_out(plan)

    def build(self, recipe: Recipe) -> Path:
        """Build what is missing, and return the image's place in the cache."""
        self._require_tools()
        with self._alone():
            return self.cache.path(self._make(recipe).image)

    def _require_tools(self) -> None:
        self.apptainer.version()
        self.apptainer.require_namespaces()

    def prepare(self, recipe: Recipe, folder: Path) -> Path:
        """Make a build folder in which plain `apptainer build` makes the image. Builds the base image where there is one."""
        if folder.exists() and any(folder.iterdir()):
            raise UsageError(f"{folder} is not empty; name a folder that does not exist yet")
        folder.mkdir(parents=True, exist_ok=True)
        with self._alone():
            self._prerequisites(recipe)
            plan = self.plan(recipe)
            self._fill(plan, folder)
        return folder

    def _make(self, recipe: Recipe) -> BuildPlan:
        """Build an image and the images below it, unless the cache has them."""
        self._prerequisites(recipe)
        plan = self.plan(recipe)
        if self.cache.has(plan.image) and self.apptainer.is_whole(self.cache.path(plan.image)):
            self.progress.say(f"==> {recipe.name}: built before ({plan.image.key})")
        else:
            self.progress.say(f"    {plan.image.name}: {History(self.cache).standings(plan)[plan.image.name].why}")
            with self.progress.step(f"building {recipe.name} ({plan.image.key})"), _disk_full_explained():
                self._build(plan)
        History(self.cache).note(plan)
        return plan

    def builder(self) -> Path:
        """The image that Spack works in; builds it if it is missing."""
        return self.built(BUILDER)

    def built(self, name: str) -> Path:
        """An image that other builds need; builds it if it is missing."""
        return self.cache.path(self._make(self.project.recipe(name)).image)

    @property
    def workshop(self) -> Workshop:
        """What Spack's work needs."""
        return Workshop(self.project, self.environment, self.cache, self.apptainer, self.progress.say)

    def _prerequisites(self, recipe: Recipe) -> None:
        """Prepare an image's base and inputs. Downloads that need no image run while the base is built."""
        provider = provider_of(self.environment, recipe)
        with self._downloading(recipe, provider) if not provider.prerequisites else contextlib.nullcontext():
            if recipe.base:
                self._make(self.project.recipe(recipe.base))
            for name in provider.prerequisites:
                self.built(name)
        for plan, stage in self._missing_downloads(recipe):
            with self.progress.step(f"downloading {stage.name}"), _disk_full_explained():
                provider.download(self.workshop, plan, stage, self.built, self.progress)

    def _missing_downloads(self, recipe: Recipe) -> list[tuple[BuildPlan, Stage]]:
        plan = self.plan(recipe)
        return [(plan, stage) for stage in plan.own if stage.kind == "download" and not self.cache.has(stage)]

    @contextlib.contextmanager
    def _downloading(self, recipe: Recipe, provider: Provider) -> Iterator[None]:
        """Downloads beside other work. If both fail, the failure of the other work is reported."""
        with ThreadPoolExecutor(max_workers=1) as pool:
            running = [pool.submit(self._download, provider, plan, stage) for plan, stage in self._missing_downloads(recipe)]
            try:
                yield
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        for each in running:
            each.result()

    def _download(self, provider: Provider, plan: BuildPlan, stage: Stage) -> None:
        with self.progress.aside(f"downloading {stage.name}"), _disk_full_explained():
            provider.download(self.workshop, plan, stage, self.built, self.progress)

    def _build(self, plan: BuildPlan) -> None:
        self.cache.require_space()
        image = self.cache.path(plan.image)
        with self._temporary("context") as folder, self.cache.log(plan.image).open("w") as log:
            print(datetime.now(UTC).isoformat(), file=log, flush=True)
            part = folder / image.name
            self._fill(plan, folder)
            self.cache.account.own(folder)

            def note(line: str) -> None:
                print(line, file=log, flush=True)
                self.progress.line(line)

            bind = choice.of(plan).binds(self.workshop, plan)
            packing = Packing.of(plan.recipe, plan.environment)
            order = Order(str(plan.image.key), plan.recipe.definition.name, folder, context.ARGUMENTS, bind, packing)
            self.apptainer.build(order, part, note)
            if plan.recipe.base is None:
                self._note_packages(plan.image, part)
            part.replace(image)

    def _note_packages(self, stage: Stage, image: Path) -> None:
        """Remember the versions in a base image: they decide whether the images on top must be compiled again."""
        listing = self.apptainer.execute(image, ("cat", _PACKAGES))
        if listing.returncode != 0:
            raise ToolError(f"the new image '{stage.name}' has no {_PACKAGES}, or does not start:\n{listing.text}")
        self.cache.packages_file(stage.name, str(stage.key)).write_text(listing.text + "\n")
        self._compare_with_lock(packages.parse(listing.text))

    def _compare_with_lock(self, found: Mapping[str, str]) -> None:
        lock = self.environment.folder / "apt.lock"
        if lock.is_file():
            for line in packages.differences(packages.parse(lock.read_text()), found):
                self.progress.say(f"    not as in {lock.parent.name}/{lock.name}: {line}")

    def _fill(self, plan: BuildPlan, folder: Path) -> None:
        contents = choice.of(plan).fill(self.workshop, plan, folder)
        context.fill(folder, contents, self._arguments(plan))

    def _arguments(self, plan: BuildPlan) -> dict[str, str]:
        """The values of the definition's arguments; no others, Apptainer would warn of them."""
        compilation = plan.stage(f"{plan.recipe.name}/build")
        values = dict(choice.of(plan).arguments(self.project, plan))
        values |= {"base": "base.sif", "plan": str(plan.image.key), "compile_key": str(compilation.key if compilation else "")}
        used = Definition(plan.recipe.definition.read_text()).arguments
        if "mirror" in used:
            values["mirror"] = machine.debian_mirror()
        return {name: values[name] for name in used}

    def _prune(self, plan: BuildPlan) -> None:
        """Keep the cache below its limit; what this plan needs stays."""
        needed = frozenset(self.cache.path(stage) for stage in plan.stages if self.cache.has(stage))
        going = shelf.surplus(shelf.kept(self.cache), shelf.limit(), needed)
        if going:
            self.progress.say(f"    the cache is over its limit: removing {len(going)} results, the longest unused first")
            shelf.remove(self.cache, going)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One build at a time in a cache; says so if another build is running."""
        lock = self.cache.lock
        try:
            lock.acquire(timeout=0)
        except Timeout:
            self.progress.say(f"    another build is running in {self.cache.root}; waiting for it")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    @contextlib.contextmanager
    def _temporary(self, name: str) -> Iterator[Path]:
        """A folder for one build on the cache's disk. Removes what a killed build left."""
        self._clear_temporary()
        folder = self.cache.make_folder(self.cache.root / "temporary" / name)
        try:
            yield folder
        finally:
            self._clear_temporary()

    def _clear_temporary(self) -> None:
        remove_as(self.cache.account, list((self.cache.root / "temporary").iterdir()))

    def _hand_out(self, plan: BuildPlan) -> Path:
        """Put the image into `dist/images/`, unless it exists already."""
        source, target = self.cache.path(plan.image), self.project.images / plan.file_name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not finished.is_whole(target, key=str(plan.image.key)):
            finished.write(source, target, plan, self.apptainer.labels(source))
        if not papers.are_there(target, plan):
            papers.write(target, plan, self.project, self.cache, self.apptainer)
        return target


@contextlib.contextmanager
def _disk_full_explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        place = f" ({os.fspath(error.filename)})" if error.filename else ""
        told = disk_full(error) or f"{error.strerror or error}{place}"
        raise ToolError(f"{told}; nothing half-done was kept") from error
