"""A NESTML model that is sent with a run: compiled for exactly the image that the run uses, and staged in as an input."""

from dataclasses import replace
from pathlib import Path

from esd_build.data.errors import UsageError
from esd_build.models.building import BuiltModel, ModelBuilder
from esd_build.models.model import ModelSource, Target
from esd_build.models.report import ModelReport
from esd_build.registry import PublishedImage
from esd_deploy.plans.plan import Plan
from esd_deploy.sites.catalogue import Catalogue


def with_model(plan: Plan, model: Path, builder: ModelBuilder) -> Plan:
    """The plan with the model's files among its inputs; on NEST the script calls `nest.Install("./<module>")`.

    Raises UsageError if the model is wrong, or cannot be compiled for the run's image.
    """
    target: Target = "spinnaker" if plan.mode == "queue" else "nest"
    source = ModelSource(model)
    built = builder.build(builder.plan(source, target, _image_file(plan, target)))
    require_good(built.report)
    require_same(built.report, plan.image)
    taken = {path for path, _ in plan.inputs} & built.product.keys()
    if taken:
        raise UsageError(f"the run already has an input '{', '.join(sorted(taken))}', which the model {model} also brings; rename it")
    return replace(plan, inputs=(*plan.inputs, *_files(built)))


def _image_file(plan: Plan, target: Target) -> Path:
    """The image's file on this machine; a model compiled for another image may crash."""
    images = (
        Catalogue.find().checkout("--model compiles in the image's file, which `make image` builds into dist/images/") / "dist" / "images"
    )
    if target == "spinnaker":
        return images / "spinnaker-edge.sif"
    if plan.image is None:
        raise UsageError("--model compiles for an image, and this run has none: give --image, e.g. --image nest")
    reference = plan.image.reference
    return images / f"{reference.repository.rpartition('/')[2]}-{reference.tag}.sif"


def require_same(report: ModelReport, image: PublishedImage | None) -> None:
    """Raises UsageError if the model was compiled in another image than the one that runs."""
    if image is not None and image.sif_digest != f"sha256:{report.image_sha256}":
        raise UsageError(
            f"{report.image} here is not {image.reference}: the model would be compiled for another NEST; "
            "pull that image into dist/images/, or push this one"
        )


def require_good(report: ModelReport) -> None:
    """Raises UsageError with NESTML's own messages if the model did not compile."""
    usable = "compiled" if report.target == "nest" else "linked"
    step = report.step(usable)
    if report.failed or step is None or step.state != "passed":
        raise UsageError(f"the model {report.model} cannot go with the run:\n" + "\n".join(f"  {line}" for line in report.lines))


def _files(built: BuiltModel) -> tuple[tuple[str, bytes], ...]:
    wanted = built.product.items() if built.report.target == "nest" else _python_and_binaries(built)
    return tuple((name, path.read_bytes()) for name, path in wanted)


def _python_and_binaries(built: BuiltModel) -> list[tuple[str, Path]]:
    return [(name, path) for name, path in built.product.items() if name.startswith("python_models8/")]
