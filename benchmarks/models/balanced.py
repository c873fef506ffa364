"""The balanced random network of examples/balanced_network, in plain PyNEST: the same sizes, weights, delays and drive, without PyNN.

So it runs wherever NEST and NumPy are: in the image, in the wheel of the package index, in a site's own module.
"""

from typing import Any

import balanced_network


class Network:
    """The network of `size` neurons, four of five excitatory."""

    def __init__(self, nest: Any, size: float, settings: dict[str, Any]) -> None:
        if size != int(size) or size < 100 or size % 50:
            raise SystemExit(f"balanced.py: {size:g} neurons; give a multiple of 50 from 100 on")
        self._nest = nest
        self._constants = balanced_network.Parameters()
        self._plan = balanced_network.network(self._constants, int(size), settings["resolution_ms"])
        self.expected_connections = self._plan.synapses + int(size)
        self.populations: dict[str, Any] = {}

    def create(self) -> None:
        """Both populations start between reset and threshold."""
        nest, p = self._nest, self._constants
        neuron = {
            "E_L": p.v_rest_mv,
            "V_reset": p.v_reset_mv,
            "V_th": p.v_thresh_mv,
            "C_m": 1000 * p.cm_nf,
            "tau_m": p.tau_m_ms,
            "t_ref": p.tau_refrac_ms,
            "tau_syn_ex": p.tau_syn_ms,
            "tau_syn_in": p.tau_syn_ms,
        }
        for name, number in (("excitatory", self._plan.excitatory), ("inhibitory", self._plan.inhibitory)):
            start = nest.random.uniform(p.v_reset_mv, p.v_thresh_mv)
            self.populations[name] = nest.Create("iaf_psc_exp", number, params={**neuron, "V_m": start})

    def connect(self) -> None:
        """Fixed numbers of inputs, then the drive."""
        nest, plan = self._nest, self._plan
        sources = (
            (self.populations["excitatory"], plan.inputs_excitatory, plan.weight_excitatory_na),
            (self.populations["inhibitory"], plan.inputs_inhibitory, plan.weight_inhibitory_na),
        )
        for source, inputs, weights in sources:
            for target in self.populations.values():
                rule = {"rule": "fixed_indegree", "indegree": inputs, "allow_autapses": False, "allow_multapses": False}
                nest.Connect(source, target, rule, {"weight": 1000 * self._drawn(weights), "delay": self._drawn(plan.delay_ms)})
        generator = nest.Create("poisson_generator", params={"rate": plan.drive_hz})
        drive = {"weight": 1000 * plan.weight_excitatory_na.mean, "delay": plan.delay_ms.low}
        for target in self.populations.values():
            nest.Connect(generator, target, syn_spec=drive)

    def _drawn(self, one: Any) -> Any:
        nest = self._nest
        return nest.math.redraw(nest.random.normal(mean=one.mean, std=one.deviation), min=one.low, max=one.high)
