"""The verdict of benchmarks/deploy/many.py: a benchmark that cannot fail shows nothing."""

import importlib
from pathlib import Path
from types import SimpleNamespace

import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks" / "deploy"


@pytest.fixture
def many(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("many")


def verdict(many, monkeypatch, runs, *, results, expected=3):
    """Of three runs, or fewer, that were one job each; with or without their results."""
    records = [
        SimpleNamespace(
            id=str(number),
            job=SimpleNamespace(url=f"https://site.example.org/jobs/{number}"),
            succeeded=results,
            files=[SimpleNamespace(path="result.txt", checked=True)] if results else [],
        )
        for number in range(len(list(runs.iterdir())))
    ]
    connection = SimpleNamespace(find=lambda tag: [tag])
    place = SimpleNamespace(connect=lambda: connection)
    monkeypatch.setattr(many.listing, "records", lambda _runs: records)
    monkeypatch.setattr(many, "Site", SimpleNamespace(load=lambda _file: place))
    jobs = {number: SimpleNamespace(folder=many.folder_of("here", one)) for number, one in enumerate(records)}
    monkeypatch.setattr(many, "of_slurm", lambda _site: jobs)
    return many.good(many.verdict("here", Path("site.yaml"), runs, expected))


def folder(place, number, *, results):
    for one in range(number):
        (place / str(one)).mkdir()
        if results:
            (place / str(one) / "result.txt").write_text(f"run {one}")
    return place


def test_one_job_and_one_result_for_each_run_is_good(many, monkeypatch, tmp_path):
    assert verdict(many, monkeypatch, folder(tmp_path, 3, results=True), results=True)


@pytest.mark.parametrize(("runs", "results"), [(3, False), (0, True), (2, True)])
def test_results_or_runs_that_are_lost_are_not(many, monkeypatch, tmp_path, runs, results):
    assert not verdict(many, monkeypatch, folder(tmp_path, runs, results=results), results=results)
