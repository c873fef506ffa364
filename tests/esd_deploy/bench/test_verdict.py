"""Which repetitions count: the right size, the right work, the model's activity."""

import pytest
from tests.esd_deploy.bench.conftest import parsed, rank

from esd_deploy.bench import verdict


def why(loaded, **changes):
    series, model = loaded()
    return verdict.void(parsed(**changes), series, model)


def activity(**changes):
    return {"populations": {"cells": {"recorded": 100, "rate_hz": 10.0, "cv": 0.9, "correlation": 0.01, **changes}}}


def test_a_good_repetition_counts(loaded):
    assert why(loaded) == ()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (activity(rate_hz=30.0), "cells: rate (1/s) 30, expected 5 to 20"),
        (activity(rate_hz=0.0, cv=None), "cells: rate (1/s) 0, expected 5 to 20"),
        (activity(cv=None), "cells: CV unknown: too few spikes, expected 0.5 to 1.5"),
        (activity(correlation=0.9), "cells: correlation 0.9, expected -0.1 to 0.1"),
        ({"populations": {"others": {"recorded": 1, "rate_hz": 10.0}}}, "no population cells was recorded"),
        ({"model_time_ms": 50.0}, "it ran 50 ms of model time instead of 500"),
        ({"warm_up_ms": 0.0}, "it ran 0 ms of warm-up instead of 100"),
        ({"size": 2000.0}, "1,001 nodes instead of 2,001"),
        ({"threads": 1, "ranks": [rank(ranks=2)]}, "NEST had 2 virtual processes in 2 ranks, and 1 ranks of 1 threads report"),
    ],
)
def test_other_work_and_other_activity_is_void(loaded, changes, said):
    assert said in why(loaded, **changes)


def test_the_size_of_the_hpc_benchmark_is_exact():
    nodes, connections = (1, 11250), (0, 126573750)

    assert (verdict.polynomial(nodes, 1), verdict.polynomial(connections, 1)) == (11_251, 126_573_750)
    assert (verdict.polynomial(nodes, 20), verdict.polynomial(connections, 20)) == (225_001, 2_531_475_000)


def test_a_connection_too_few_is_void(loaded):
    lost = rank()
    lost["size"]["connections"] -= 1

    assert why(loaded, ranks=[lost]) == (
        "100,999 connections instead of 101,000",
        "100,999 connections; the model's own formula gives 101,000",
    )
