"""The paper's network, with a PyNN that only writes down what it is asked for."""

import runpy
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "examples/balanced_random/balanced_random.py"


class Pynn(ModuleType):
    """Keeps populations, projections and stages; NumpyRNG and RandomDistribution are what was asked."""

    def __init__(self):
        super().__init__("pyNN.fake")
        self.said = []

    def setup(self, **given):
        self.said.append(("setup", given))

    def run(self, duration_ms):
        self.said.append(("run", duration_ms))

    def Population(self, size, cell, label, **own):  # noqa: N802 - PyNN's name
        def note(word):
            return lambda *given, **named: self.said.append((word, label, given or named))

        self.said.append(("population", size, cell, label, own))
        train = SimpleNamespace(rescale=lambda _unit: SimpleNamespace(magnitude=[1.0, 30.0]))
        data = SimpleNamespace(segments=[SimpleNamespace(spiketrains=[train] * size)])
        return SimpleNamespace(
            size=size, label=label, initialize=note("start"), record=note("record"), set=note("set"), get_data=lambda *_a, **_k: data
        )

    def Projection(self, source, target, connector, synapse, receptor_type):  # noqa: N802 - PyNN's name
        self.said.append(("projection", source.label, target.label, connector, synapse, receptor_type))

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *given, **named: (name, *given, named)


@pytest.fixture
def example(monkeypatch):
    script = SimpleNamespace(**runpy.run_path(str(SCRIPT)))
    fakes = {"pyNN.nest": Pynn(), "pyNN.spiNNaker": Pynn()}
    random = SimpleNamespace(NumpyRNG=lambda seed: f"rng {seed}", RandomDistribution=lambda kind, **given: (kind, given))
    real = script.main.__globals__["importlib"].import_module
    monkeypatch.setattr("importlib.import_module", lambda name: {**fakes, "pyNN.random": random}.get(name) or real(name))
    return SimpleNamespace(script=script, nest=fakes["pyNN.nest"], spinnaker=fakes["pyNN.spiNNaker"])


def test_the_network_is_the_published_one(example):
    make = example.script.Maker(example.script.options(["--stage", "10"]))
    trains, spent = example.script.run(make)
    said = example.nest.said
    assert said[0] == ("setup", {"timestep": 0.1, "threads": 1})
    assert [one[1:5:2] for one in said if one[0] == "population"] == [
        (100, "Input"), (400, "Excitatory"), (100, "Inhibitory"), (400, "Stim Excitatory"), (100, "Stim Inhibitory")
    ]  # fmt: skip
    projections = [one for one in said if one[0] == "projection"]
    assert [(*one[1:3], one[5]) for one in projections] == [
        ("Excitatory", "Excitatory", "excitatory"),
        ("Excitatory", "Inhibitory", "excitatory"),
        ("Inhibitory", "Inhibitory", "inhibitory"),
        ("Inhibitory", "Excitatory", "inhibitory"),
        ("Stim Excitatory", "Excitatory", "excitatory"),
        ("Stim Inhibitory", "Inhibitory", "excitatory"),
        ("Input", "Excitatory", "excitatory"),
    ]
    assert projections[2][4][1] == {
        "weight": ("normal_clipped", {"mu": -0.5, "sigma": 0.1, "low": -np.inf, "high": 0}),
        "delay": ("normal_clipped", {"mu": 0.75, "sigma": 0.375, "low": 1.0, "high": 14.4}),
    }
    assert [one[1] for one in said if one[0] == "run"] == [10.0] * 4
    assert [one[2]["rate"] for one in said if one[0] == "set"] == [50.0, 10.0, 20.0]
    assert len(trains) == 400
    assert {"build_s", "run_s", "memory_mb"} == set(spent)


def test_only_spinnaker_gets_what_pynn_refuses(example):
    for simulator, fake in (("nest", example.nest), ("spiNNaker", example.spinnaker)):
        example.script.run(example.script.Maker(example.script.options(["--simulator", simulator, "--stage", "10", "--seed", "3"])))
        own = [one[4] for one in fake.said if one[0] == "population"]
        if simulator == "nest":
            assert own == [{}] * 5
            assert fake.said[0][1]["rng_seed"] == 3
        else:
            assert own[1] == {"additional_parameters": {"spikes_per_second": 100, "seed": 302}}
            assert len({one["additional_parameters"]["seed"] for one in own}) == 5
            assert "rng" not in str(fake.said)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--timestep", "2"], "delays begin at 1 ms; give a step from above 0 up to that"),
        (["--timestep", "0"], "give a step from above 0"),
        (["--stage", "0.01"], "--stage must be at least one time step"),
        (["--simulator", "spiNNaker", "--model", "lif_exp"], "are for NEST, not for spiNNaker"),
    ],
)
def test_wrong_words_end_with_one_message(example, words, told, capsys):
    with pytest.raises(SystemExit, match="2"):
        example.script.options(words)
    assert told in capsys.readouterr().err


def test_a_simulator_that_is_not_there_is_named(example):
    with pytest.raises(SystemExit, match=r"cannot import pyNN\.nowhere .*\$PYNN_SIMULATOR names it"):
        example.script.Maker(example.script.options(["--simulator", "nowhere"]))
