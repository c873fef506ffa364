"""The page of a series, and two series side by side."""

from esd_deploy.bench.reports import comparison, page
from esd_deploy.bench.reports.report import PointRow, RepetitionRow, Report, Summary


def point(seconds, *, threads=1, outcome="measured", **changes):
    values = [seconds, 1.01 * seconds, 1.02 * seconds]
    summary = {
        name: Summary.of(values) for name in ("time_simulate", "wall_per_model", "time_construction", "node_hours", "model_per_wall")
    }
    rows = tuple(
        RepetitionRow(repetition=number, run="r", rng_seed=number, load=1.0, values={"time_simulate": value})
        for number, value in enumerate(values, start=1)
    )
    given = {"nodes": 1, "tasks_per_node": 1, "threads": threads, "size": 1000, "base": 1000, "outcome": outcome}
    return PointRow(**given, summary=summary if outcome == "measured" else {}, repetitions=rows, **changes)


def series(*points, **metadata):
    return Report(
        name="s",
        description="A <series>",
        scaling="strong",
        model="m",
        size="neurons",
        site="local",
        noise=0.05,
        model_time_ms=500,
        repetitions=3,
        created="2026-12-01T12:00:00+00:00",
        metadata={"software.nest": "3.10.0", **metadata},
        points=points,
    )


def test_the_page_has_the_fields_figures_and_escapes_what_a_job_said():
    text = page.page(series(point(2.0), point(1.0, threads=2), **{"hardware.cpu": "<script>alert(1)</script>"}))

    assert text.count("<svg") == 4
    assert "the dashed line is ideal (falling" in text
    assert "wall time / model time" in text
    assert "model time / wall time" in text
    assert "<script>" not in text
    assert "A &lt;series&gt;" in text


def test_what_does_not_count_is_on_the_page_with_its_reason_and_draws_nothing():
    text = page.page(series(point(2.0, outcome="void", reasons=("repetition 1: cells: rate (1/s) 300, expected 5 to 20",))))

    assert "<svg" not in text
    assert "rate (1/s) 300, expected 5 to 20" in text
    assert 'class="void"' in text


def test_a_comparison_says_first_what_differs_in_how_they_were_made():
    found = comparison.compare(
        series(point(2.0), point(1.0, threads=2), **{"run.first": "1"}),
        series(point(1.0), **{"run.first": "2", "software.nest": "3.9.0", "hardware.cpu": "another"}),
    )

    assert [one.name for one in found.differences] == ["hardware.cpu", "software.nest", "run.first"]
    simulate = found.ratios[0]
    assert (simulate.metric, round(simulate.ratio, 6), simulate.apart) == ("time_simulate", 2.0, True)
    assert found.alone == ("1 x 1 x 2, size 1000: only in A",)


def test_equal_series_do_not_differ():
    found = comparison.compare(series(point(2.0)), series(point(2.0)))

    assert found.differences == ()
    assert {one.apart for one in found.ratios} == {False}


def test_a_void_point_is_not_compared():
    found = comparison.compare(series(point(2.0)), series(point(2.0, outcome="void")))

    assert (found.ratios, found.alone) == ((), ("1 x 1 x 1, size 1000: only in A",))
