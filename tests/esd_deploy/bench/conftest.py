"""A model, a series and what a repetition writes, without NEST."""

import json
from pathlib import Path

import pytest

from esd_deploy.backends.unicore import job as unicore_job
from esd_deploy.bench import series
from esd_deploy.bench.measured import Repetition
from esd_deploy.plans import run_job
from esd_deploy.plans.request import Request
from esd_deploy.records.record import RunRecord

MODEL = """
description: a network
program: net.py
size: neurons
sizes: [100, 10000]
nodes: [1, 1]
connections: [0, 1, 0.1]
activity:
  cells: {rate_hz: [5, 20], cv: [0.5, 1.5], correlation: [-0.1, 0.1]}
"""
SERIES = """
description: a series
model: models/net.yaml
scaling: strong
image: nest
sizes: [1000]
nodes: [1, 2]
threads: [1, 2]
repetitions: 3
warm_up_ms: 100
model_time_ms: 500
time_s: 60
"""


@pytest.fixture
def written(tmp_path):
    """Writes a series with some keys replaced, and its model; gives the file."""

    def write(text: str = SERIES, model: str = MODEL) -> Path:
        folder = tmp_path / "benchmarks"
        (folder / "models").mkdir(parents=True, exist_ok=True)
        (folder / "models" / "net.py").write_text("class Network: pass\n")
        (folder / "models" / "net.yaml").write_text(model)
        (folder / "a_series.yaml").write_text(text)
        return folder / "a_series.yaml"

    return write


@pytest.fixture
def loaded(written):
    return lambda text=SERIES, model=MODEL: series.load(written(text, model))


def rank(
    *, seconds: float = 2.0, host: str = "c1", spikes: int = 5000, ranks: int = 1, threads: int = 1, joules: float | None = None
) -> dict:
    """What one rank says."""
    return {
        "host": host,
        "times": {
            "py_time_import": 0.2,
            "py_time_create": 0.1,
            "py_time_connect": 0.3,
            "py_time_prepare": 0.1,
            "py_time_simulate": seconds,
        },
        "construction": {"time_construction_create": 0.1, "time_construction_connect": 0.25, "time_communicate_prepare": 0.05},
        "phases": {"time_simulate": seconds},
        "memory": {"base_memory": 100_000, "peak_construction": 200_000, "peak_simulation": 210_000, "total_memory": 205_000},
        "spikes": spikes,
        "binding": {"rank": [0], "threads": ["0"]},
        "energy": {"joules": joules, "how": "unknown: no counters" if joules is None else "RAPL"},
        "size": {
            "nodes": 1001,
            "connections": 101_000 // ranks,
            "expected_connections": 101_000,
            "neurons": 1000,
            "delays_ms": [0.5, 2.5],
            "ranks": ranks,
            "virtual_processes": ranks * threads,
        },
        "load": [0.5, 1.5],
        "facts": {"hardware.cpu": "A CPU", "system.time": "2026-12-01T10:00:00+00:00"},
    }


def repetition(number: int = 1, *, ranks: list[dict] | None = None, threads: int = 1, **changes: object) -> dict:
    """What a repetition writes."""
    activity = {"recorded": 100, "rate_hz": 10.0, "cv": 0.9, "correlation": 0.01}
    return {
        "repetition": number,
        "rng_seed": number,
        "size": 1000.0,
        "warm_up_ms": 100.0,
        "model_time_ms": 500.0,
        "threads": threads,
        "populations": {"cells": activity},
        "ranks": ranks or [rank(threads=threads)],
        "program_s": 4.5,
        **changes,
    }


def parsed(**changes: object) -> Repetition:
    return Repetition.model_validate_json(json.dumps(repetition(**changes)))


@pytest.fixture
def leave():
    """Writes repetitions into a run's folder."""

    def write(folder: Path, *contents: dict) -> None:
        (folder / "bench").mkdir(parents=True, exist_ok=True)
        for one in contents:
            (folder / "bench" / f"{one['repetition']}.json").write_text(json.dumps(one))

    return write


@pytest.fixture
def known_run(config, image, script):
    """The record of a planned run, as it is before its submission."""
    plan = Request(script, (), "nest").checked(config).plan(image, "20261201-120000-abcdef")
    return RunRecord.of(plan, unicore_job.job(run_job.spec(plan)).description)
