"""From runs to a report: reads what they left, judges each repetition, sums up."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from esd_deploy.bench import measured, metrics, verdict
from esd_deploy.bench.conduct import Measured
from esd_deploy.bench.measured import Repetition
from esd_deploy.bench.metadata import metadata
from esd_deploy.bench.reports.definitions import DEFINITIONS
from esd_deploy.bench.reports.report import Activity, Outcome, PointRow, RepetitionRow, Report, Summary, with_scaling
from esd_deploy.bench.series import Model, Point, Series
from esd_deploy.bench.slurm import job_seconds, largest_kb
from esd_deploy.records.record import RunRecord

LEAST = 3
"""Repetitions without which a point shows nothing."""
_MEMORY = ("base_memory", "network_memory", "init_memory", "total_memory")
_REASONS = 10


@dataclass(frozen=True)
class _Found:
    """A repetition, the run that made it, and why it does not count."""

    run: RunRecord
    repetition: Repetition
    void: tuple[str, ...]


def report(series: Series, model: Model, points: Sequence[Measured], runs: Path, site: str) -> Report:
    """The report of all points that were measured so far."""
    evaluated = [(one, *_found(one, series, model, runs)) for one in points]
    rows = [_row(one, found, wrong, series) for one, found, wrong in evaluated]
    everything = [(one.run, one.repetition) for _, found, _ in evaluated for one in found]
    records = [record for one in points for record in one.runs]
    return Report(
        name=series.name,
        description=series.description,
        scaling=series.scaling,
        model=model.description,
        size=model.size,
        site=site,
        noise=series.noise,
        model_time_ms=series.model_time_ms,
        repetitions=series.repetitions,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        metadata=metadata(series, model, records, [repetition for _, repetition in everything]),
        points=with_scaling(rows, series.scaling),
    )


def _found(one: Measured, series: Series, model: Model, runs: Path) -> tuple[tuple[_Found, ...], tuple[str, ...]]:
    found, wrong = [], []
    for record in one.runs:
        repetitions, unreadable = measured.read(runs / record.id)
        found += [_Found(record, each, _judged(each, one.point, series, model)) for each in repetitions]
        wrong += [*unreadable, *_failure(record)]
    missing = series.repetitions - len(found)
    if missing > 0:
        wrong.append(f"{missing} of {series.repetitions} repetitions left no result")
    return tuple(found), tuple(wrong)


def _judged(each: Repetition, point: Point, series: Series, model: Model) -> tuple[str, ...]:
    other = () if each.size == point.size else (f"it measured size {each.size:g} instead of {point.size:g}",)
    return (*other, *verdict.void(each, series, model))


def _failure(record: RunRecord) -> Iterable[str]:
    if not record.succeeded:
        how = record.ending.because if record.ending else record.status
        yield f"run {record.id}: exit code {record.exit_code}, {how}"


def _row(one: Measured, found: Sequence[_Found], wrong: Sequence[str], series: Series) -> PointRow:
    shape = one.point.shape
    rows = tuple(_repetition(each, shape.nodes) for each in found)
    counting = [each for each in rows if not each.void]
    summary = _summary(counting)
    outcome = _outcome(rows, counting)
    simulate = summary.get("time_simulate")
    void = tuple(dict.fromkeys(f"repetition {each.repetition}: {why}" for each in rows for why in each.void))
    return PointRow(
        nodes=shape.nodes,
        tasks_per_node=shape.tasks_per_node,
        threads=shape.threads,
        size=one.point.size,
        base=one.point.base,
        network_nodes=found[0].repetition.network.nodes if found else None,
        connections=found[0].repetition.network.connections if found else None,
        outcome=outcome,
        reasons=(*void, *wrong)[:_REASONS],
        noisy=simulate is not None and simulate.spread > series.noise,
        runs=tuple(record.id for record in one.runs),
        repetitions=rows,
        summary=summary,
        activity=_activity([each.repetition for each in found]),
        binding=_binding(found[0].repetition) if found else (),
        energy=found[0].repetition.ranks[0].energy.how if found else "unknown: no repetition left a result",
        node_hours_job=_node_hours(one.runs, shape.nodes),
        memory_by_slurm_kb=max((kb for record in one.runs if (kb := largest_kb(record)) is not None), default=None),
    )


def _outcome(rows: Sequence[RepetitionRow], counting: Sequence[RepetitionRow]) -> Outcome:
    if len(counting) >= LEAST:
        return "measured"
    return "void" if len(rows) >= LEAST else "failed"


def _repetition(each: _Found, nodes: int) -> RepetitionRow:
    one = each.repetition
    return RepetitionRow(
        repetition=one.repetition,
        run=each.run.id,
        rng_seed=one.rng_seed,
        load=one.load,
        void=each.void,
        values=metrics.of(one, nodes),
        memory_kb={name: one.memory(name) for name in _MEMORY},
    )


def _summary(rows: Sequence[RepetitionRow]) -> dict[str, Summary]:
    found = {}
    for name in DEFINITIONS:
        values = [value for one in rows if (value := one.values.get(name)) is not None]
        if values and len(values) == len(rows):
            found[name] = Summary.of(values)
    return found


def _activity(repetitions: Sequence[Repetition]) -> dict[str, Activity]:
    names = dict.fromkeys(name for one in repetitions for name in one.populations)
    return {name: _mean([one.populations[name] for one in repetitions if name in one.populations]) for name in names}


def _mean(found: Sequence[measured.Activity]) -> Activity:
    cvs = [one.cv for one in found if one.cv is not None]
    correlations = [one.correlation for one in found if one.correlation is not None]
    return Activity(
        rate_hz=sum(one.rate_hz for one in found) / len(found),
        cv=sum(cvs) / len(cvs) if cvs else None,
        correlation=sum(correlations) / len(correlations) if correlations else None,
    )


def _binding(one: Repetition) -> tuple[str, ...]:
    """Where the ranks sit: a line for each, the first hundred."""
    return tuple(
        f"{rank.host}: cpus {','.join(map(str, rank.binding.rank))}; threads on {' '.join(rank.binding.threads)}"
        for rank in one.ranks[:100]
    )


def _node_hours(records: Sequence[RunRecord], nodes: int) -> float | None:
    seconds = [job_seconds(record) for record in records]
    return None if None in seconds else nodes * sum(one for one in seconds if one is not None) / 3600
