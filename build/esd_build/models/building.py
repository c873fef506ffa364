"""Makes code of NESTML models inside an image, and keeps what was made by its key."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from esd_build.building.cache import Cache
from esd_build.data.errors import ToolError
from esd_build.data.whole import whole_folder
from esd_build.models.model import ModelPlan, ModelSource, Target, inside
from esd_build.models.report import FILE_NAME, ModelReport, assemble
from esd_build.product import finished
from esd_build.tools.apptainer import Apptainer
from esd_build.tools.process import Account, remove_as


@dataclass(frozen=True)
class BuiltModel:
    """A model's result in the cache: `folder` holds `model.json` and `product/`."""

    report: ModelReport
    folder: Path

    @property
    def product(self) -> dict[str, Path]:
        """The files to ship with a job, by their relative name."""
        return {name: self.folder / "product" / name for name in self.report.files}


@dataclass(frozen=True)
class ModelBuilder:
    """Runs NESTML and the compilers as the account that builds."""

    cache: Cache
    apptainer: Apptainer

    @classmethod
    def here(cls) -> "ModelBuilder":
        """The builder of this machine and account; raises ToolError if there is no Apptainer."""
        account = Account.current()
        cache = Cache.open(account)
        apptainer = Apptainer(account, cache.make_folder(cache.root / "models"))
        apptainer.version()
        return cls(cache, apptainer)

    def plan(self, source: ModelSource, target: Target, image: Path) -> ModelPlan:
        """Raises UsageError if the image is not there or a file is not a model."""
        plan = ModelPlan(source, target, image, finished.read(image).sha256)
        plan.source.require_models()
        return plan

    def build(self, plan: ModelPlan, *, on_line: Callable[[str], None] = lambda _line: None) -> BuiltModel:
        """Make the model unless the cache has it. A wrong model does not raise: see `report.failed`."""
        target = self._folder / plan.key
        with FileLock(self.cache.root / "locks" / f"model-{plan.key}.lock"):
            if not (target / FILE_NAME).is_file():
                self._make(plan, target, on_line)
        return BuiltModel(ModelReport.model_validate_json((target / FILE_NAME).read_bytes()), target)

    @property
    def _folder(self) -> Path:
        return self.cache.make_folder(self.cache.root / "models")

    def _make(self, plan: ModelPlan, target: Path, on_line: Callable[[str], None]) -> None:
        with whole_folder(target, remove=lambda folder: remove_as(self.cache.account, [folder])) as part:
            for name, content in plan.source.content.items():
                (part / name).write_bytes(content)
            self.cache.account.own(part)
            for command in plan.commands:
                self._run(plan, part, command, on_line)
            (part / FILE_NAME).write_text(assemble(plan, part).model_dump_json(indent=2) + "\n", encoding="utf-8")

    def _run(self, plan: ModelPlan, folder: Path, command: tuple[str, ...], on_line: Callable[[str], None]) -> None:
        finished = self.apptainer.execute(plan.image, command, binds={inside(): "/inside:ro", folder: "/work"})
        for line in finished.tail:
            on_line(line)
        with (folder / "log.txt").open("a", encoding="utf-8") as log:
            log.write(finished.text + "\n")
        if finished.returncode != 0:
            end = "\n".join(finished.tail[-15:])
            raise ToolError(f"{' '.join(command[:3])} ended with {finished.returncode} in {plan.image.name}:\n{end}")
