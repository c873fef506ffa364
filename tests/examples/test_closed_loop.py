"""The closed loop with a brain of plain Python: the order of a step, the script of the experiment, the profile, the body."""

import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy
import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "closed_loop"


MODULES = ("body", "brain", "engine", "experiment")


@pytest.fixture
def loop(monkeypatch):
    """The modules of the example, as its programs import them."""
    monkeypatch.syspath_prepend(str(FOLDER))
    yield SimpleNamespace(**{name: import_module(name) for name in MODULES})
    for name in MODULES:
        sys.modules.pop(name, None)


class FakeBrain:
    """A sink's potential is the rate of its source, in thousands of spikes a second."""

    def __init__(self, takes_s=0.0):
        self.rates = []
        self.spent_ms = {"nest": 1.0, "ranks": 0.5, "form": 0.25}
        self.takes_s = takes_s

    def step(self, duration_ms, rates):
        assert duration_ms == 20.0
        time.sleep(self.takes_s)
        self.rates.append(dict(rates))
        return {"flexor_sink": rates["flexor_source"] / 1000, "extensor_sink": -1.0}


def test_the_script_of_the_experiment(loop):

    brain, arm = FakeBrain(), loop.body.Arm()
    profile = loop.experiment.experiment(brain, arm, quiet=True)

    assert len(profile) == 50
    assert [rates["flexor_source"] for rates in brain.rates] == [0.0] * 25 + [1250.0] * 25
    assert {rates["extensor_source"] for rates in brain.rates} == {0.0}
    assert arm.activation.tolist() == pytest.approx([1.0, 0.05], abs=0.01), "the read-out is clipped to 1"
    assert loop.experiment.verdict(arm, {"flexor_sink": 1.0, "extensor_sink": 0.0})


def test_a_fixed_activation_until_the_fifth_step(loop, capsys):

    arm = loop.body.Arm()
    loop.experiment.experiment(FakeBrain(), arm, 7)

    assert arm.angle == pytest.approx(0.0, abs=0.05)
    assert [line.partition(":")[0] for line in capsys.readouterr().err.splitlines()] == ["step 5", "step 6"]


def test_brain_and_body_move_on_at_the_same_time_and_transfers_come_after(loop):

    seen, together = [], threading.Barrier(2)

    class Brain(FakeBrain):
        def step(self, duration_ms, rates):
            together.wait(5)
            seen.append("brain")
            return {}

    class Body:
        def step(self, duration_ms, told):
            together.wait(5)
            seen.append("body")

    def one(number, signals):
        seen.append(f"first {number}")

    def two(number, signals):
        seen.append(f"second {number}")

    loop.engine.run(Brain(), Body(), [one, two], loop.engine.Signals({}, []), 2)

    assert [sorted(seen[:2]), seen[2:4]] == [["body", "brain"], ["first 0", "second 0"]]
    assert [sorted(seen[4:6]), seen[6:]] == [["body", "brain"], ["first 1", "second 1"]]


def test_the_profile_leaves_out_the_first_step_and_says_what_http_takes(loop, tmp_path):

    inside = {"nest": 20.0, "ranks": 0.5, "form": 0.1}
    profile = [
        loop.engine.Step(900.0, 1.0, 0.1, 901.0, inside),
        loop.engine.Step(21.0, 1.0, 0.2, 21.3, inside),
        loop.engine.Step(23.0, 3.0, 0.4, 23.5, inside),
    ]

    assert loop.engine.medians(profile) == {
        "brain": 22,
        "body": 2,
        "transfer": 0.3,
        "total": 22.4,
        "nest": 20,
        "ranks": 0.5,
        "form": 0.1,
        "http": 1.4,
    }
    assert loop.engine.rows([loop.engine.Step(1.0, 1.0, 1.0, 3.0, {})])[0]["http"] == 0.0
    loop.engine.write(profile, tmp_path / "p.csv")
    assert (tmp_path / "p.csv").read_text().splitlines()[1] == "0,900.000,1.000,0.100,901.000,20.000,0.500,0.100,879.400"


def test_an_error_of_the_brain_ends_the_loop(loop):

    class Broken(FakeBrain):
        def step(self, duration_ms, rates):
            raise OSError("the service broke off")

    with pytest.raises(OSError, match="broke off"):
        loop.engine.run(Broken(), loop.body.Arm(), [], loop.engine.Signals({}, [0.0, 0.0]), 5)


def test_the_served_brain_asks_once_for_each_step(loop):

    from esd_deploy.services.nest_client import Batch

    class Client:
        def __init__(self):
            self.spent_ms, self.asked = {"nest": 1.0}, []

        def call(self, name, *args):
            assert (name, args) == ("GetKernelStatus", ("biological_time",))
            return 100.0

        def run(self, batch):
            self.asked.append(batch.calls)
            return [None, None, None, [0.5], [0.25]]

    client = Client()
    brain = loop.brain.ServedBrain(client, Batch, ("a_sink", "b_sink"))

    assert brain.step(20.0, {"a": 1.0, "b": 2.0}) == {"a_sink": 0.5, "b_sink": 0.25}
    assert client.asked == [
        [
            ["SetStatus", ["a", {"rate_times": [100.1], "rate_values": [1.0]}]],
            ["SetStatus", ["b", {"rate_times": [100.1], "rate_values": [2.0]}]],
            ["Run", [20.0]],
            ["GetStatus", ["a_sink", "V_m"]],
            ["GetStatus", ["b_sink", "V_m"]],
        ]
    ]


def test_the_arm_is_still_where_muscles_are_alike_and_bends_to_the_stronger(loop):

    still, bent, back = loop.body.Arm(), loop.body.Arm(), loop.body.Arm()
    for _ in range(100):
        still.step(20.0, [0.3, 0.3])
        bent.step(20.0, [0.5, 0.1])
        back.step(20.0, numpy.array([0.0, 9.0]))

    assert still.angle == 0.0
    assert 0.1 < bent.angle <= loop.body.LIMIT
    assert -loop.body.LIMIT <= back.angle < -0.1
    assert bent.velocity == pytest.approx(0.0, abs=1e-3)


def test_the_larger_arm_bends_where_its_biceps_pulls(monkeypatch):
    pytest.importorskip("mujoco", reason="the larger body needs the package `mujoco`, which only its users install")
    monkeypatch.syspath_prepend(str(FOLDER))
    made = import_module("mujoco_arm").MujocoArm
    bent, straight = made(), made()
    for _ in range(50):
        bent.step(20.0, [1.0, 0.0])
        straight.step(20.0, [0.0, 1.0])
    assert straight.angle < 0.1
    assert 0.5 < bent.angle < 2.4, "the joint ends at 130 degrees"
