"""All that a reader must know to repeat a series or to compare it: hardware, software, run. Nobody has to ask for it. Pure."""

from collections.abc import Iterable, Sequence
from importlib.metadata import version

from esd_deploy.bench.measured import Repetition
from esd_deploy.bench.series import Model, Series
from esd_deploy.records.record import RunRecord

_CHANGING = frozenset({"system.time", "hardware.clock_mhz"})
"""What differs between two looks at one node; the first and the last are told."""
_MOST = 600


def metadata(series: Series, model: Model, runs: Sequence[RunRecord], repetitions: Sequence[Repetition]) -> dict[str, str]:
    """Name → value, sorted by kind. Values that differ between nodes or runs are all told."""
    return {**_asked(series, model), **_ran(runs), **_seen(repetitions)}


def _asked(series: Series, model: Model) -> dict[str, str]:
    return {
        "run.series": series.name,
        "run.model": model.description,
        "run.scaling": series.scaling,
        "run.sizes": ", ".join(f"{one:g}" for one in series.sizes),
        "run.model_time_ms": f"{series.model_time_ms:g}",
        "run.warm_up_ms": f"{series.warm_up_ms:g}",
        "run.resolution_ms": f"{model.resolution_ms:g}",
        "run.seeds": f"{series.seed} to {series.seed + series.repetitions - 1}",
        "run.repetitions": str(series.repetitions),
        "run.recording": f"spikes of {model.sample} neurons of each population, in memory, after the warm-up",
        "run.binding_asked": f"bind {series.bind or '-'}, hint {series.hint or '-'}, exclusive {'yes' if series.exclusive else 'no'}",
        "run.environment_asked": " ".join(f"{name}={value}" for name, value in series.environment.items()) or "-",
        "software.esd_images": version("esd-images"),
    }


def _ran(runs: Sequence[RunRecord]) -> dict[str, str]:
    told = {
        "run.site": (one.site for one in runs),
        "run.image": (one.image.reference if one.image else "the site's own modules" for one in runs),
        "run.image_digest": (one.image.digest if one.image else "-" for one in runs),
        "run.program_sha256": (one.script.sha256 for one in runs),
        "run.inputs_sha256": (" ".join(f"{name}:{digest[:12]}" for name, digest in one.script.inputs.items()) for one in runs),
        "run.partition": (one.shape.partition or "-" if one.shape else "-" for one in runs),
        "run.account": (one.shape.account or "-" if one.shape else "-" for one in runs),
        "run.nodes": (" ".join(one.hosts) for one in runs),
        "run.launch": (one.launch for one in runs),
        "run.packages": (
            " ".join(f"{name}=={number}" for name, number in one.requirements.versions.items()) if one.requirements else "-" for one in runs
        ),
        "run.first": (one.states[0].time.isoformat(timespec="seconds") for one in runs[:1]),
        "run.last": (one.states[-1].time.isoformat(timespec="seconds") for one in runs[-1:]),
    }
    names = dict.fromkeys(name for one in runs for name in one.versions)
    versions = {f"software.inside.{name}": _versions(runs, name) for name in names}
    return {**{name: joined(values) for name, values in told.items()}, **versions}


def _versions(runs: Sequence[RunRecord], name: str) -> str:
    """Of one program or library, in all runs that told."""
    return joined(one.versions.get(name, "unknown") for one in runs if one.versions)


def _seen(repetitions: Sequence[Repetition]) -> dict[str, str]:
    facts = [rank.facts for one in repetitions for rank in one.ranks if rank.facts]
    names = sorted({name for one in facts for name in one})
    return {
        name: joined(
            [facts[0].get(name, "unknown"), facts[-1].get(name, "unknown")] if name in _CHANGING else [one.get(name, "-") for one in facts]
        )
        for name in names
    }


def joined(values: Iterable[str]) -> str:
    """Each value once."""
    text = " | ".join(dict.fromkeys(value for value in values if value)) or "unknown"
    return text if len(text) <= _MOST else text[:_MOST] + " …"
