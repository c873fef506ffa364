"""NEST's benchmark network (hpc_benchmark): 11 250 inputs for each neuron, plastic excitatory synapses, one Poisson source.

The parameters are those of NEST's own example and of Feldotto et al. (2022), section 4.1. At scale s it has exactly 11 250 s neurons and
one source, and 11 250 s x 11 251 connections. Below scale 10 the activity becomes unstable soon: 50 ms of warm-up and 250 ms are the rule.
"""

from math import e, exp
from typing import Any

EXCITATORY, INHIBITORY = 9000, 2250
"""Neurons at scale 1, and at every scale the inputs of each neuron."""
TAU_SYN_MS = 0.32582722403722841  # for a rise time of 1.700759 ms
DELAY_MS = 1.5
WEIGHT_MV = 0.14
INHIBITION = -5.0
ETA = 1.685
"""Drive over the drive that just reaches the threshold."""
NEURON = {
    "E_L": 0.0,
    "C_m": 250.0,
    "tau_m": 10.0,
    "t_ref": 0.5,
    "V_th": 20.0,
    "V_reset": 0.0,
    "tau_syn_ex": TAU_SYN_MS,
    "tau_syn_in": TAU_SYN_MS,
    "tau_minus": 30.0,
}
STDP = {"alpha": 0.0513, "lambda": 0.1, "mu": 0.4, "tau_plus": 15.0}


class Network:
    """The network at one scale."""

    def __init__(self, nest: Any, size: float, settings: dict[str, Any]) -> None:
        self._nest = nest
        self._excitatory, self._inhibitory = (round(number * size) for number in (EXCITATORY, INHIBITORY))
        if min(self._excitatory, self._inhibitory) < 1:
            raise SystemExit(f"hpc_benchmark.py: scale {size} gives no neurons; take at least 0.01")
        self.expected_connections = (self._excitatory + self._inhibitory) * (EXCITATORY + INHIBITORY + 1)
        self.populations: dict[str, Any] = {}

    def create(self) -> None:
        """Neurons with normally distributed potentials."""
        nest = self._nest
        nest.SetDefaults("iaf_psc_alpha", NEURON)
        for name, number in (("excitatory", self._excitatory), ("inhibitory", self._inhibitory)):
            self.populations[name] = nest.Create("iaf_psc_alpha", number, params={"V_m": nest.random.normal(5.7, 7.2)})

    def connect(self) -> None:
        """Autapses no, multapses yes: with them the number of inputs holds at every scale."""
        nest, weight = self._nest, WEIGHT_MV * unit_psp_pa()
        threshold_hz = NEURON["V_th"] / (EXCITATORY * weight / NEURON["C_m"] * e * NEURON["tau_m"] * TAU_SYN_MS)
        source = nest.Create("poisson_generator", params={"rate": 1000 * ETA * threshold_hz * EXCITATORY})
        nest.SetDefaults("static_synapse_hpc", {"delay": DELAY_MS})
        nest.CopyModel("static_synapse_hpc", "driving", {"weight": weight})
        nest.CopyModel("static_synapse_hpc", "inhibiting", {"weight": INHIBITION * weight})
        nest.CopyModel("stdp_pl_synapse_hom_hpc", "exciting", STDP | {"weight": weight, "delay": DELAY_MS})
        excitatory, inhibitory = self.populations["excitatory"], self.populations["inhibitory"]
        for target in (excitatory, inhibitory):
            nest.Connect(source, target, "all_to_all", {"synapse_model": "driving"})
        nest.Connect(excitatory, excitatory, _inputs(EXCITATORY), {"synapse_model": "exciting"})
        nest.Connect(inhibitory, excitatory, _inputs(INHIBITORY), {"synapse_model": "inhibiting"})
        nest.Connect(excitatory, inhibitory, _inputs(EXCITATORY), {"synapse_model": "driving"})
        nest.Connect(inhibitory, inhibitory, _inputs(INHIBITORY), {"synapse_model": "inhibiting"})


def _inputs(number: int) -> dict[str, Any]:
    return {"rule": "fixed_indegree", "indegree": number, "allow_autapses": False, "allow_multapses": True}


def unit_psp_pa() -> float:
    """The weight (pA) of an alpha-shaped current that moves the membrane by 1 mV at its highest. Found by bisection of the slope."""
    tau_m, tau_s, capacity = NEURON["tau_m"], TAU_SYN_MS, NEURON["C_m"]
    a, b = 1 / tau_s - 1 / tau_m, e / (tau_s * capacity)

    def potential(t: float) -> float:
        return b * (exp(-t / tau_m) / a**2 - exp(-t / tau_s) * (t / a + 1 / a**2))

    low, high = 0.0, 20 * tau_s
    for _ in range(200):  # golden section would do as well; the potential has one peak
        left, right = low + (high - low) / 3, high - (high - low) / 3
        low, high = (left, high) if potential(left) < potential(right) else (low, right)
    return 1 / potential((low + high) / 2)
