"""A NIR graph as the description of a PyNN network, and back. Needs the package `nir`; PyNN only in `build`.

Exact, in continuous time, are: LIF as PyNN's IF_curr_delta (a spike moves the potential) and CubaLIF as IF_curr_exp (a spike moves a
current, which decays). A spike is a Dirac pulse whose integral is 1, as NIR has it. Whatever does not fit is named in one UnfittingError.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import nir
import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
KINDS: Mapping[type, str] = {nir.LIF: "IF_curr_delta", nir.CubaLIF: "IF_curr_exp"}
"""NIR's node → PyNN's cell type with the same equations."""
JOINTS = (nir.Linear, nir.Affine)
AFTER: Mapping[type, tuple[type, ...]] = {
    **dict.fromkeys(KINDS, (*JOINTS, *KINDS, nir.Input)),
    **dict.fromkeys(JOINTS, (*KINDS, nir.Input)),
    nir.Output: tuple(KINDS),
    nir.Input: (),
}
"""Node → what may have an edge to it."""


class UnfittingError(ValueError):
    """What of the graph PyNN's neurons cannot do exactly."""


@dataclass(frozen=True)
class Source:
    """An Input node: a population of spike sources."""

    name: str
    size: int


@dataclass(frozen=True)
class Cells:
    """A population. `parameters`: PyNN's names and units (ms, mV, nF), one value a neuron.

    `gain`: PyNN's weight (mV of IF_curr_delta, nA of IF_curr_exp) for a weight of 1 in the graph, one value a neuron.
    """

    name: str
    kind: str
    parameters: Mapping[str, Numbers]
    gain: Numbers

    @property
    def size(self) -> int:
        return len(self.gain)


@dataclass(frozen=True)
class Connection:
    """All weights from one population to another, a row for each target, in PyNN's unit; through the graph's node `through`, if any.

    `bias`: of an Affine node, a constant current (nA) into each target.
    """

    source: str
    target: str
    through: str | None
    weights: Numbers
    bias: Numbers | None = None


@dataclass(frozen=True)
class Network:
    """The whole network. `outputs`: Output node → the populations whose spikes it shows. `unit_ms`: the graph's unit of time."""

    sources: tuple[Source, ...]
    cells: tuple[Cells, ...]
    connections: tuple[Connection, ...]
    outputs: tuple[tuple[str, tuple[str, ...]], ...]
    unit_ms: float

    @property
    def neurons(self) -> int:
        return sum(one.size for one in self.cells)


def from_graph(graph: nir.NIRGraph, unit_ms: float = 1.0) -> Network:
    """The network of a graph. Raises UnfittingError that names everything that does not fit."""
    wrong = [*_wrong_nodes(graph), *_wrong_edges(graph)] or [*_wrong_sizes(graph)]
    if wrong:
        raise UnfittingError("the graph does not fit PyNN's neurons: " + "; ".join(wrong))
    cells = tuple(_cells(name, node, unit_ms) for name, node in graph.nodes.items() if type(node) in KINDS)
    return Network(
        sources=tuple(Source(name, int(node.input_type["input"][0])) for name, node in graph.nodes.items() if isinstance(node, nir.Input)),
        cells=cells,
        connections=tuple(one for target in cells for one in _into(graph, target)),
        outputs=tuple((name, tuple(_before(graph, name))) for name, node in graph.nodes.items() if isinstance(node, nir.Output)),
        unit_ms=unit_ms,
    )


def to_graph(network: Network) -> nir.NIRGraph:
    """The graph of a network, as `from_graph` read it."""
    sizes = {one.name: one.size for one in (*network.sources, *network.cells)}
    gains = {one.name: one.gain for one in network.cells}
    nodes: dict[str, Any] = {one.name: nir.Input({"input": np.array([one.size])}) for one in network.sources}
    edges: dict[tuple[str, str], None] = {}
    for cells in network.cells:
        nodes[cells.name] = _node(cells, network.unit_ms)
    for one in network.connections:
        if one.through is None:
            edges[one.source, one.target] = None
            continue
        weight = one.weights / gains[one.target][:, None]
        nodes[one.through] = nir.Linear(weight) if one.bias is None else nir.Affine(weight, one.bias)
        edges |= {(one.source, one.through): None, (one.through, one.target): None}
    for name, shown in network.outputs:
        nodes[name] = nir.Output({"output": np.array([sizes[shown[0]]])})
        edges |= {(cells, name): None for cells in shown}
    return nir.NIRGraph(nodes, [*edges])


def build(sim: Any, network: Network, spikes: Mapping[str, Sequence[Sequence[float]]], delay_ms: float) -> dict[str, Any]:
    """Populations by name, in a PyNN that is set up; all cells record spikes. `spikes`: times (ms) of each neuron of each Input.

    NIR's edges take no time and PyNN's take a time step at least: `delay_ms` is theirs. Potentials begin at v_reset:
    NIR says nothing of the beginning.
    """
    made = {}
    for source in network.sources:
        times = spikes.get(source.name, [[] for _ in range(source.size)])
        if len(times) != source.size:
            raise UnfittingError(f"spikes of '{source.name}': {len(times)} lists of times, the graph has {source.size} neurons")
        made[source.name] = sim.Population(source.size, sim.SpikeSourceArray(spike_times=[*map(list, times)]), label=source.name)
    for cells in network.cells:
        own = {**cells.parameters, "i_offset": _currents(network, cells)}
        kind = getattr(sim, cells.kind)
        if hasattr(kind, "nest_name") and not hasattr(kind, "variable_map"):
            kind.variable_map = {"v": "V_m"}  # PyNN 0.13 lacks it for IF_curr_delta, and would only warn that all begin at -65 mV
        made[cells.name] = sim.Population(cells.size, kind(**own), label=cells.name)
        made[cells.name].initialize(v=cells.parameters["v_reset"])
        made[cells.name].record("spikes")
    for one in network.connections:
        for receptor, some in (("excitatory", one.weights > 0), ("inhibitory", one.weights < 0)):
            pairs = [(int(pre), int(post), float(one.weights[post, pre]), delay_ms) for post, pre in np.argwhere(some)]
            if pairs:
                how = (sim.FromListConnector(pairs), sim.StaticSynapse())
                sim.Projection(made[one.source], made[one.target], *how, receptor_type=receptor)
    return made


def _currents(network: Network, cells: Cells) -> Numbers:
    """Of each Affine node once, however many populations it reads."""
    found = {one.through: one.bias for one in network.connections if one.target == cells.name and one.bias is not None}
    return np.sum([np.zeros(cells.size), *found.values()], axis=0)


def _before(graph: nir.NIRGraph, name: str) -> list[str]:
    return [source for source, target in graph.edges if target == name]


def _wrong_nodes(graph: nir.NIRGraph) -> Iterator[str]:
    for name, node in graph.nodes.items():
        if type(node) not in AFTER:
            yield f"node '{name}' is a {type(node).__name__}; known are Input, Output, Linear, Affine, LIF and CubaLIF"
            continue
        yield from (f"node '{name}': {reason}" for reason in _wrong_numbers(node))
        if isinstance(node, (nir.Output, *JOINTS)) and not _before(graph, name):
            yield f"node '{name}' has no edge to it"
        if isinstance(node, JOINTS) and not any(source == name for source, _ in graph.edges):
            yield f"node '{name}' has no edge from it"


def _wrong_edges(graph: nir.NIRGraph) -> Iterator[str]:
    for (source, target), times in Counter(map(tuple, graph.edges)).items():
        first, second = graph.nodes.get(source), graph.nodes.get(target)
        if times > 1:
            yield f"edge '{source}' to '{target}' is there {times} times"
        if first is None or second is None:
            yield f"edge '{source}' to '{target}' has an end that is no node"
        elif {type(first), type(second)} <= AFTER.keys() and type(first) not in AFTER[type(second)]:
            yield f"edge '{source}' to '{target}': {type(first).__name__} to {type(second).__name__} is no population and no projection"
        elif isinstance(first, nir.Affine) and isinstance(second, nir.CubaLIF) and np.any(first.bias):
            yield f"edge '{source}' to '{target}': a bias reaches CubaLIF through its synapse, a constant current of PyNN does not"


def _wrong_sizes(graph: nir.NIRGraph) -> Iterator[str]:
    try:
        graph.check_types()
    except ValueError as error:
        yield str(error)


def _wrong_numbers(node: Any) -> Iterator[str]:
    if isinstance(node, (nir.Linear, nir.Affine)):
        if node.weight.ndim != 2:
            yield f"its weights have {node.weight.ndim} dimensions, a projection has 2"
        numbers = [node.weight, *([node.bias] if isinstance(node, nir.Affine) else [])]
    elif type(node) in KINDS:
        positive = [node.r, *([node.tau] if isinstance(node, nir.LIF) else [node.tau_mem, node.tau_syn])]
        numbers = [*positive, node.v_leak, node.v_threshold, node.v_reset]
        if not all(np.all(one > 0) for one in positive):
            yield "its time constants and its resistance must be above 0"
        if np.any(node.v_reset >= node.v_threshold):
            yield "it resets to its threshold or above"
        if isinstance(node, nir.CubaLIF) and not np.all(node.w_in):
            yield "a w_in of 0 lets no spike in"
        if node.v_leak.ndim != 1:
            yield f"its neurons have {node.v_leak.ndim} dimensions, a population has 1"
    else:
        shape = next(iter((node.input_type if isinstance(node, nir.Input) else node.output_type).values()))
        if len(shape) != 1:
            yield f"its shape has {len(shape)} dimensions, a population has 1"
        numbers = []
    if not all(np.all(np.isfinite(one)) for one in numbers):
        yield "a number is not finite"


def _cells(name: str, node: Any, unit_ms: float) -> Cells:
    tau = np.asarray(node.tau if isinstance(node, nir.LIF) else node.tau_mem, float) * unit_ms
    r = np.asarray(node.r, float)
    voltages = {"v_rest": node.v_leak, "v_thresh": node.v_threshold, "v_reset": node.v_reset}
    own = {"tau_m": tau, "cm": tau / r, "tau_refrac": np.zeros_like(tau)} | {key: np.asarray(one, float) for key, one in voltages.items()}
    if isinstance(node, nir.LIF):
        return Cells(name, KINDS[nir.LIF], own, r / np.asarray(node.tau, float))
    synapse = np.asarray(node.tau_syn, float)
    own |= {"tau_syn_E": synapse * unit_ms, "tau_syn_I": synapse * unit_ms}
    return Cells(name, KINDS[nir.CubaLIF], own, np.asarray(node.w_in, float) / synapse)


def _node(cells: Cells, unit_ms: float) -> Any:
    own = cells.parameters
    tau, r = own["tau_m"] / unit_ms, own["tau_m"] / own["cm"]
    voltages = {"v_leak": own["v_rest"], "v_threshold": own["v_thresh"], "v_reset": own["v_reset"]}
    if cells.kind == KINDS[nir.LIF]:
        return nir.LIF(tau=tau, r=r, **voltages)
    synapse = own["tau_syn_E"] / unit_ms
    return nir.CubaLIF(tau_syn=synapse, tau_mem=tau, r=r, w_in=cells.gain * synapse, **voltages)


def _into(graph: nir.NIRGraph, target: Cells) -> Iterator[Connection]:
    for through in _before(graph, target.name):
        node = graph.nodes[through]
        if not isinstance(node, (nir.Linear, nir.Affine)):
            yield Connection(through, target.name, None, np.diag(target.gain))
            continue
        bias = np.asarray(node.bias, float) if isinstance(node, nir.Affine) else None
        for source in _before(graph, through):
            yield Connection(source, target.name, through, target.gain[:, None] * np.asarray(node.weight, float), bias)
