"""From what runs left to the report, the CSV of beNNch and the comparison."""

import csv
import io

import pytest
from tests.esd_deploy.bench.conftest import rank, repetition

from esd_build.data.errors import UsageError
from esd_deploy.bench import evaluation
from esd_deploy.bench.conduct import Measured
from esd_deploy.bench.reports import bennch, report
from esd_deploy.bench.reports.report import Summary
from esd_deploy.records.record_parts import EndingRecord

VERSIONS = {"NEST": "3.10.0", "Python": "3.13.5"}


@pytest.fixture
def seen(loaded, leave, tmp_path, known_run):
    """The report of a series whose points took these seconds; a point without seconds left nothing."""

    def make(*seconds, **changes):
        series, model = loaded()
        found = []
        for number, (point, times) in enumerate(zip(series.points, seconds, strict=False)):
            run_id = f"run-{number}"
            shape = point.shape
            ranks = shape.nodes * shape.tasks_per_node

            def said(one, ranks=ranks, threads=shape.threads):
                return [rank(seconds=one, host=f"c{host + 1}", spikes=5000 // ranks, ranks=ranks, threads=threads) for host in range(ranks)]

            leave(
                tmp_path / run_id,
                *(repetition(index + 1, ranks=said(one), threads=shape.threads, **changes) for index, one in enumerate(times)),
            )
            ended = {
                "id": run_id,
                "status": "SUCCESSFUL",
                "exit_code": 0,
                "versions": VERSIONS,
                "ending": EndingRecord(kind="succeeded", because="exit code 0"),
            }
            if not times:
                ended |= {"status": "FAILED", "exit_code": 137, "ending": EndingRecord(kind="killed", because="signal 9")}
            found.append(Measured(point, (known_run.model_copy(update=ended),)))
        return evaluation.report(series, model, found, tmp_path, "local")

    return make


def test_medians_intervals_and_scaling(seen):
    found = seen([2.0, 2.2, 2.4], [1.0, 1.1, 1.2])
    first, second = found.points

    assert first.summary["time_simulate"] == Summary.of([2.0, 2.2, 2.4])
    assert first.median("wall_per_model") == pytest.approx(4.4)
    assert first.median("model_per_wall") == pytest.approx(1 / 4.4)
    assert (second.speedup, second.efficiency) == (pytest.approx(2.0), pytest.approx(1.0))
    assert first.median("synaptic_events") == 5000 * 101
    assert first.median("node_hours") == pytest.approx(4.5 / 3600)
    assert first.median("energy_j") is None
    assert first.energy == "unknown: no counters"


def test_weak_scaling_is_the_ratio_of_times(seen):
    _, second = report.with_scaling(seen([2.0] * 3, [2.5] * 3).points, "weak")

    assert second.efficiency == pytest.approx(0.8)


def test_a_killed_point_is_told_and_the_others_count(seen):
    found = seen([2.0] * 3, [], [1.0] * 3)

    assert [one.outcome for one in found.points] == ["measured", "failed", "measured"]
    assert "signal 9" in " ".join(found.points[1].reasons)
    assert "3 of 3 repetitions left no result" in found.points[1].reasons


def test_void_activity_is_not_averaged_in(seen):
    loud = {"cells": {"recorded": 100, "rate_hz": 300.0, "cv": 0.9, "correlation": 0.01}}
    (point,) = seen([2.0] * 3, populations=loud).points

    assert (point.outcome, point.summary) == ("void", {})
    assert point.reasons[0] == "repetition 1: cells: rate (1/s) 300, expected 5 to 20"
    assert len(point.repetitions) == 3


def test_noise_above_the_stated_level_is_told(seen):
    quiet, loud = seen([2.0, 2.01, 2.02], [1.0, 1.5, 2.0]).points

    assert (quiet.noisy, loud.noisy) == (False, True)


def test_a_report_that_is_no_json_of_ours_says_where(seen, leave, tmp_path, known_run, loaded):
    leave(tmp_path / "run-0", repetition(1), repetition(2), repetition(3, program_s=-1.0))
    series, model = loaded()
    ended = known_run.model_copy(update={"id": "run-0", "status": "SUCCESSFUL", "exit_code": 0})

    (point,) = evaluation.report(series, model, [Measured(series.points[0], (ended,))], tmp_path, "local").points

    assert point.outcome == "failed"
    assert point.reasons[0].startswith("bench/3.json: program_s: ")


def test_the_csv_has_the_columns_of_bennch_and_a_line_a_repetition(seen):
    rows = list(csv.DictReader(io.StringIO(bennch.table(seen([2.0, 2.2, 2.4], [1.0] * 3)))))

    assert len(rows) == 6
    assert rows[0]["time_simulate"] == "2.0"
    assert (rows[3]["num_nodes"], rows[3]["threads_per_task"], rows[3]["tasks_per_node"]) == ("1", "2", "1")
    assert (rows[0]["num_connections"], rows[0]["model_time_sim"], rows[0]["base_memory"]) == ("101000", "500.0", "100000")
    assert rows[0]["time_update"] == ""  # this NEST has no detailed timers


def test_metadata_comes_from_the_nodes_and_the_records(seen):
    told = seen([2.0] * 3).metadata

    assert told["hardware.cpu"] == "A CPU"
    assert told["run.seeds"] == "1 to 3"
    assert told["run.image_digest"].startswith("sha256:")
    assert told["run.launch"].startswith("srun ")
    assert (told["software.inside.NEST"], told["software.inside.Python"]) == ("3.10.0", "3.13.5")


def test_a_report_is_read_again_as_it_was(seen, tmp_path):
    found = seen([2.0] * 3)
    (tmp_path / report.FILE_NAME).write_text(found.model_dump_json())

    assert report.read(tmp_path) == found


@pytest.mark.parametrize("content", ["", "[]", '{"version": 9}'])
def test_any_other_file_is_refused(tmp_path, content):
    (tmp_path / "x.json").write_text(content)

    with pytest.raises(UsageError, match=r"is no report of `esd-deploy bench`"):
        report.read(tmp_path / "x.json")
