"""Distributions over neurons and seeds: what their intervals hold, what they call noise, and where two runs part."""

import math
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the tests of distributions are scipy's, which is not installed here")


@pytest.fixture(scope="module")
def given() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[2] / "examples/balanced_network/distributions.py")))


def seeds(mean, count=10, spread=0.5):
    """Runs whose own mean differs with the seed, as a network's does: neurons of a run are no independent samples."""
    rng = np.random.default_rng(7)
    return [rng.normal(mean + rng.normal(0, spread), 3.0, 400) for _ in range(count)]


def test_a_run_of_the_same_network_is_within_the_noise_though_its_neurons_say_otherwise(given):
    runs = seeds(20.0, 11)
    found = given.distance(runs[:10], runs[10:])
    assert found.verdict == "within seeds' noise"
    far = [run for run in runs if stats_p(runs[0], run) < 0.01]
    assert far, "a plain test over neurons calls some of these runs different"


def stats_p(one, two):
    from scipy import stats

    return stats.ks_2samp(one, two).pvalue


def test_ten_runs_of_another_network_differ(given):
    found = given.distance(seeds(20.0), seeds(22.0))
    assert found.verdict == "differs"
    assert found.seeds_p < 0.001


def test_one_run_far_away_differs_without_a_test_of_seeds(given):
    found = given.distance(seeds(20.0), seeds(26.0, 1))
    assert (found.verdict, math.isnan(found.seeds_p)) == ("differs", True)


@pytest.mark.parametrize("runs", [1, 2])
def test_too_few_seeds_say_nothing_of_noise(given, runs):
    assert given.distance(seeds(20.0, runs), seeds(30.0, 1)).verdict == "unknown"


def test_nothing_recorded_is_unknown(given):
    assert given.distance(seeds(20.0), [np.array([])]).verdict == "unknown"


def test_the_next_runs_interval_holds_nineteen_of_twenty(given):
    rng = np.random.default_rng(1)
    held = [given.of_next_run(rng.normal(5, 1, 10)).holds(rng.normal(5, 1)) for _ in range(2000)]
    assert np.mean(held) == pytest.approx(0.95, abs=0.015)


def test_the_interval_of_a_mean(given):
    rng = np.random.default_rng(2)
    held = [given.of_mean(rng.normal(1.0, 0.5, 60)).holds(1.0) for _ in range(300)]
    assert np.mean(held) == pytest.approx(0.95, abs=0.04)
    assert math.isnan(given.of_mean(np.array([1.0, math.nan])).low)


@pytest.mark.parametrize(
    ("one", "two", "first"),
    [
        ([[1.0, 2.0]], [[1.0, 2.0]], None),
        ([[1.0, 2.0], [5.0]], [[1.0, 2.5], [4.0]], 2.0),
        ([[1.0, 2.0]], [[1.0]], 2.0),
        ([[]], [[3.0]], 3.0),
    ],
)
def test_the_first_spike_that_differs(given, one, two, first):
    assert given.first_divergence(*([np.array(train) for train in run] for run in (one, two))) == first
