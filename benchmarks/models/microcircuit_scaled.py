"""The cortical microcircuit of Potjans and Diesmann (2014), by the package `microcircuit` of its maintainers, installed, not copied.

`size` scales neurons and in-degrees alike (N_scaling and K_scaling); the package adapts weights and background so that mean rates hold.
"""

import os
from typing import Any

os.environ.setdefault("MPLBACKEND", "agg")  # the package imports matplotlib

from microcircuit.network import Network as Published
from microcircuit.network_params import default_net_dict
from microcircuit.sim_params import default_sim_dict
from microcircuit.stimulus_params import default_stim_dict


class Network:
    """The published network, without its own recorders and files."""

    def __init__(self, nest: Any, size: float, settings: dict[str, Any]) -> None:
        own = {
            "rec_dev": [],
            "sim_resolution": settings["resolution_ms"],
            "rng_seed": settings["seed"],
            "local_num_threads": settings["threads"],
            "data_path": os.path.join(os.getcwd(), "bench", ""),
            "print_time": False,
            "store_metadata": False,
        }
        # The package's default, a constant current, leaves most populations below threshold once in-degrees are scaled down.
        scaled = {"N_scaling": size, "K_scaling": size, "bg_input_type": "poisson"}
        self._network = Published(default_sim_dict | own, default_net_dict | scaled, default_stim_dict)
        self.expected_connections = int(self._network.num_synapses.sum() + self._network.num_neurons.sum())
        self.populations: dict[str, Any] = {}

    def create(self) -> None:
        """All eight populations."""
        self._network.create()
        self.populations = dict(zip(default_net_dict["populations"], self._network.pops, strict=True))

    def connect(self) -> None:
        """Also prepares once, so that the connections' tables are built."""
        self._network.connect()
