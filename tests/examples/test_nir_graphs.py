"""A NIR graph becomes the description of a PyNN network and the same graph again; what does not fit is named."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import nir
import numpy as np
import pytest


@pytest.fixture(scope="module")
def given() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[2] / "examples/nir_graphs/description.py"), run_name="description"))


def lif(size, **own):
    numbers = {"tau": 20.0, "r": 2.0, "v_leak": -0.5, "v_threshold": 1.0, "v_reset": -1.0, **own}
    return nir.LIF(**{name: np.linspace(value, 1.1 * value, size) for name, value in numbers.items()})


def cuba(size, **own):
    numbers = {"tau_syn": 5.0, "tau_mem": 10.0, "r": 3.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0, "w_in": 0.5, **own}
    return nir.CubaLIF(**{name: np.linspace(value, 1.1 * value, size) for name, value in numbers.items()})


def whole() -> nir.NIRGraph:
    """Everything that fits: both neurons, both joints, an edge without a joint, a loop, a joint with two sources and two targets."""
    rng = np.random.default_rng(3)
    nodes = {
        "in": nir.Input({"input": np.array([3])}),
        "first": nir.Affine(rng.normal(size=(4, 3)), rng.normal(size=4)),
        "lif": lif(4),
        "loop": nir.Linear(rng.normal(size=(4, 4)) * (rng.random((4, 4)) < 0.5)),
        "second": nir.Linear(rng.normal(size=(4, 4))),
        "cuba": cuba(4),
        "still": nir.Affine(rng.normal(size=(4, 4)), np.zeros(4)),
        "last": cuba(4, w_in=-0.5),
        "out": nir.Output({"output": np.array([4])}),
    }
    edges = "in first,first lif,lif loop,loop lif,lif second,cuba second,second cuba,second last,cuba last,lif still,still last,last out"
    return nir.NIRGraph(nodes, [tuple(edge.split()) for edge in edges.split(",")])


def require_equal(one: nir.NIRGraph, other: nir.NIRGraph) -> None:
    assert {name: type(node) for name, node in one.nodes.items()} == {name: type(node) for name, node in other.nodes.items()}
    assert sorted(one.edges) == sorted(other.edges)
    for name, node in one.nodes.items():
        numbers, again = node.to_dict(), other.nodes[name].to_dict()
        assert numbers.keys() == again.keys()
        for key in numbers.keys() - {"type", "metadata"}:
            np.testing.assert_allclose(again[key], numbers[key], rtol=1e-12, err_msg=f"{name}.{key}")


@pytest.mark.parametrize("unit_ms", [1.0, 1000.0])
def test_a_graph_comes_back_as_it_was(given, unit_ms):
    network = given.from_graph(whole(), unit_ms)

    require_equal(whole(), given.to_graph(network))
    assert (network.neurons, [one.name for one in network.sources], network.outputs) == (12, ["in"], (("out", ("last",)),))


def test_a_graph_from_a_file_comes_back_too(given, tmp_path):
    nir.write(tmp_path / "net.nir", whole())
    require_equal(whole(), given.to_graph(given.from_graph(nir.read(tmp_path / "net.nir"))))


def test_the_comparison_of_this_test_sees_a_difference():
    other = whole()
    other.nodes["loop"].weight[other.nodes["loop"].weight != 0] *= 1.001
    with pytest.raises(AssertionError, match=r"loop\.weight"):
        require_equal(whole(), other)


def test_lif_has_pynn_s_numbers(given):
    graph = nir.NIRGraph.from_list(nir.Affine(np.array([[4.0]]), np.array([0.3])), lif(1))
    network = given.from_graph(graph, unit_ms=1000.0)
    [cells], [connection] = network.cells, network.connections

    assert cells.kind == "IF_curr_delta"
    own = {name: float(value[0]) for name, value in cells.parameters.items()}
    assert own == {"tau_m": 20000.0, "cm": 10000.0, "tau_refrac": 0.0, "v_rest": -0.5, "v_thresh": 1.0, "v_reset": -1.0}
    assert connection.weights[0, 0] == pytest.approx(2.0 * 4.0 / 20.0)  # R w / tau: the jump of tau v' = R w delta(t)
    assert connection.bias[0] == 0.3


def test_cubalif_has_pynn_s_numbers(given):
    graph = nir.NIRGraph.from_list(nir.Linear(np.array([[4.0]])), cuba(1))
    network = given.from_graph(graph)
    [cells], [connection] = network.cells, network.connections

    assert cells.kind == "IF_curr_exp"
    assert cells.parameters["tau_m"][0] / cells.parameters["cm"][0] == pytest.approx(3.0)
    assert (cells.parameters["tau_syn_E"][0], cells.parameters["tau_syn_I"][0]) == (5.0, 5.0)
    assert connection.weights[0, 0] == pytest.approx(0.5 * 4.0 / 5.0)  # w_in w / tau_syn: the jump of the current


def changed(**nodes) -> nir.NIRGraph:
    graph = whole()
    graph.nodes |= nodes
    return graph


WRONG = {
    "an unknown node": (changed(loop=nir.Scale(np.ones(4))), "node 'loop' is a Scale; known are Input"),
    "two at once": (changed(loop=nir.Scale(np.ones(4)), last=lif(4, tau=-1.0)), "Scale.*; node 'last': its time constants"),
    "a bias through a synapse": (changed(still=nir.Affine(np.ones((4, 4)), np.ones(4))), "'still' to 'last': a bias reaches CubaLIF"),
    "a number that is none": (changed(loop=nir.Linear(np.full((4, 4), np.nan))), "node 'loop': a number is not finite"),
    "a reset above threshold": (changed(lif=lif(4, v_reset=2.0)), "node 'lif': it resets to its threshold or above"),
    "no way in": (changed(cuba=cuba(4, w_in=0.0)), "node 'cuba': a w_in of 0"),
    "a joint after a joint": (changed(lif=nir.Linear(np.ones((4, 4)))), "'first' to 'lif': Affine to Linear is no population"),
    "another size": (changed(lif=lif(5)), "mismatch"),
    "a picture": (changed(**{"in": nir.Input({"input": np.array([3, 1])})}), "node 'in': its shape has 2 dimensions"),
}


@pytest.mark.parametrize(("graph", "says"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_named(given, graph, says):
    with pytest.raises(given.UnfittingError, match=f"^the graph does not fit PyNN's neurons: .*{says}"):
        given.from_graph(graph)


@pytest.mark.parametrize(("edges", "says"), [([("lif", "loop")], "is there 2 times"), ([("lif", "none")], "an end that is no node")])
def test_edges_are_looked_at(given, edges, says):
    graph = whole()
    graph.edges = [*graph.edges, *edges]
    with pytest.raises(given.UnfittingError, match=says):
        given.from_graph(graph)


class Pynn:
    """Writes down what it is asked for."""

    def __init__(self):
        self.populations, self.projections = {}, []

    def Population(self, size, cell, label):  # noqa: N802 - PyNN's name
        self.populations[label] = (size, *cell)
        return SimpleNamespace(label=label, initialize=lambda **_own: None, record=lambda _what: None)

    def Projection(self, source, target, pairs, _synapse, receptor_type):  # noqa: N802 - PyNN's name
        self.projections.append((source.label, target.label, receptor_type, pairs))

    def __getattr__(self, name):
        return lambda *given, **own: given[0] if name == "FromListConnector" else (name, own)


def test_pynn_is_asked_for_all_of_it(given):
    sim, network = Pynn(), given.from_graph(whole())
    given.build(sim, network, {"in": [[1.0], [2.0, 3.0], []]}, delay_ms=0.1)

    assert {name: one[:2] for name, one in sim.populations.items()} == {
        "in": (3, "SpikeSourceArray"),
        "lif": (4, "IF_curr_delta"),
        "cuba": (4, "IF_curr_exp"),
        "last": (4, "IF_curr_exp"),
    }
    np.testing.assert_array_equal(sim.populations["lif"][2]["i_offset"], network.connections[0].bias)
    for source, target, receptor, pairs in sim.projections:
        assert all(delay == 0.1 and (weight > 0) == (receptor == "excitatory") for _, _, weight, delay in pairs), (source, target)
    made = sum(len(pairs) for *_, pairs in sim.projections)
    assert made == sum(np.count_nonzero(one.weights) for one in network.connections)
    weights = {(source, target): one.weights for one in network.connections for source, target in [(one.source, one.target)]}
    for pre, post, weight, _ in next(pairs for source, target, _, pairs in sim.projections if (source, target) == ("lif", "cuba")):
        assert weight == weights["lif", "cuba"][post, pre]


def test_spikes_for_another_number_of_neurons_are_refused(given):
    with pytest.raises(given.UnfittingError, match=r"spikes of 'in': 1 lists of times, the graph has 3 neurons"):
        given.build(Pynn(), given.from_graph(whole()), {"in": [[1.0]]}, delay_ms=0.1)


def test_the_example_fits_and_its_solution_is_the_known_one(given):
    example = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[2] / "examples/nir_graphs/example.py"), run_name="example"))

    require_equal(example.graph(), given.to_graph(given.from_graph(example.graph())))
    found = example.solved(30.0, step_ms=0.002)
    assert found["lif"][0] == [pytest.approx(20 * np.log(3), abs=0.01)]  # tau ln((v_leak - v_reset) / (v_leak - v_threshold))
    assert found["lif"][1] == [pytest.approx(12.0)]  # the second jump of R w / tau = 0.6
