"""The paper's network in S16.15: its numbers, what they cannot hold, and that only the arithmetic differs between both runs."""

import math
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "examples/balanced_random"


@pytest.fixture
def given(monkeypatch) -> SimpleNamespace:
    monkeypatch.syspath_prepend(str(FOLDER))
    return SimpleNamespace(**runpy.run_path(str(FOLDER / "fixed_point.py")))


@pytest.mark.parametrize(
    ("value", "raw"), [(1.0, 1 << 15), (-65.0, -65 << 15), (2.0**-15, 1), (2.0**-17, 0), (65535.99, 2147483320)]
)  # fmt: skip
def test_numbers(given, value, raw):
    assert given.Arithmetic(15).number(value) == raw


@pytest.mark.parametrize("value", [math.nan, math.inf, 65536.0, -1e9])
def test_what_sixteen_bits_cannot_hold_is_refused(given, value):
    with pytest.raises(ValueError, match=r"S16\.15 cannot hold"):
        given.Arithmetic(15).number(np.array([1.0, value]))
    assert given.Arithmetic(None).number(0.1) == 0.1


def test_a_value_that_leaves_the_range_ends_the_run(given):
    with pytest.raises(OverflowError, match="too strong"):
        given.Arithmetic(15).held(np.array([2**31]))


def test_products_are_cut_off(given):
    fixed = given.Arithmetic(15)
    assert (fixed.times(np.array(3), np.array(1 << 14)), fixed.times(np.array(-3), np.array(1 << 14))) == (1, -2)
    assert fixed.weight(np.array([2.0**-13, 2.0**-15])).tolist() == [4, 0]


def test_both_runs_have_the_same_draws_and_part_only_by_rounding(given):
    net = given.draw(np.random.default_rng(3))
    double, fixed = (given.simulate(net, given.Arithmetic(point), 3, 100.0) for point in (None, 15))
    assert [len(each) for each in net.targets[500:]] == [400] * 100
    assert {int(step) for delays in net.delays for step in delays} <= set(range(1, 15))
    assert all((weights <= 0).all() for weights in net.weights[400:500])
    spikes = [sum(map(len, trains)) for trains in (double, fixed)]
    assert spikes[0] > 500
    assert spikes[1] == pytest.approx(spikes[0], rel=0.1)
    early = [[train[train < 120] for train in trains] for trains in (double, fixed)]
    assert all(len(a) == len(b) and np.allclose(a, b) for a, b in zip(*early, strict=True)), "no rounding adds up so fast"


def test_wrong_words(given, capsys):
    with pytest.raises(SystemExit, match="2"):
        given.main(["--stage", "0"])
    assert "--stage at least 1 ms" in capsys.readouterr().err
