"""The cells: their shape, what they are made of, and where they stand."""

from pathlib import Path

import arbor as A
import numpy as np
from arbor import units as U
from settings import CellsSettings

COUNTER = 0
"""The cell that every neuron of the network reaches: its endless synapses count the spikes, and add up their senders' numbers."""

EXACT = 2.0**-30
"""Weight of a counted spike, in microsiemens: a power of two, so that sums are exact."""

_ENDLESS_MS = 1e15


def small_tree() -> A.morphology:
    """A soma, an apical trunk with two tufts, and three basal branches; lengths and radii in micrometres."""
    tree = A.segment_tree()
    soma = tree.append(A.mnpos, (0, 0, -8, 8), (0, 0, 8, 8), tag=1)
    trunk = tree.append(soma, (0, 0, 8, 2), (0, 0, 208, 1.2), tag=4)
    for sign in (-1, 1):
        tree.append(trunk, (0, 0, 208, 0.8), (sign * 90, 0, 330, 0.4), tag=4)
    for angle in (0.5, 2.6, 4.7):
        tip = (110 * np.cos(angle), 110 * np.sin(angle), -70, 0.4)
        tree.append(soma, (0, 0, -8, 1), tip, tag=3)
    return A.morphology(tree)


def morphology(settings: CellsSettings) -> A.morphology:
    """That of the file, or the small tree."""
    return A.load_swc_arbor(Path(settings.morphology)).morphology if settings.morphology else small_tree()


def cell(gid: int, shape: A.morphology) -> A.cable_cell:
    """Spiking soma, passive branches, a synapse on the middle of each branch; the counter has its two synapses before them."""
    decor = A.decor().set_property(Vm=-65 * U.mV).paint("(all)", A.density("pas/e=-65", g=0.0001)).paint("(tag 1)", A.density("hh"))
    if gid == COUNTER:
        # Times that differ: Arbor makes one synapse of two with the same parameters at the same place.
        for number, name in enumerate(("count", "sum"), 1):
            decor = decor.place("(location 0 0.5)", A.synapse("expsyn", tau=number * _ENDLESS_MS, e=-65.0), name)
    decor = decor.place("(on-branches 0.5)", A.synapse("expsyn", tau=2.0), "inputs")
    decor = decor.place("(location 0 0.5)", A.threshold_detector(-10 * U.mV), "spike").discretization(A.cv_policy_max_extent(25.0))
    return A.cable_cell(shape, decor)


def sources(gid: int, settings: CellsSettings) -> np.ndarray:
    """The neurons that reach a cell: the same whichever rank asks."""
    return np.random.default_rng((settings.seed, gid)).choice(settings.neurons, min(settings.inputs, settings.neurons), replace=False)


def position_um(gid: int, settings: CellsSettings) -> np.ndarray:
    """Where a cell's root stands: in a disk of 100 micrometres radius, 100 micrometres high, none nearer than 20 to the shaft."""
    random = np.random.default_rng((settings.seed, gid, 1))
    radius, angle, height = 20 + 80 * np.sqrt(random.uniform()), random.uniform(0, 2 * np.pi), random.uniform(-50, 50)
    return np.array([radius * np.cos(angle), radius * np.sin(angle), height])
