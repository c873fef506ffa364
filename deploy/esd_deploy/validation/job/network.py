"""A balanced network of 4000 neurons on NEST: one JSON line with the wall time of its construction and of 0.3 s of it."""

import json
import os
import sys
import time

os.environ["PYNEST_QUIET"] = "1"
import nest

nest.set_verbosity("M_ERROR")
nest.local_num_threads = int(os.environ.get("SLURM_CPUS_PER_TASK", "1"))
nest.rng_seed = 1
began = time.perf_counter()
cells = nest.Create("iaf_psc_delta", 4000, {"C_m": 1.0, "tau_m": 20.0, "E_L": 0.0, "V_th": 20.0, "V_reset": 0.0, "t_ref": 2.0})
drive = nest.Create("poisson_generator", params={"rate": 12000.0})
excitatory, inhibitory = cells[:3200], cells[3200:]
nest.Connect(drive, cells, syn_spec={"weight": 0.17, "delay": 1.5})
nest.Connect(excitatory, cells, {"rule": "fixed_indegree", "indegree": 400}, {"weight": 0.17, "delay": 1.5})
nest.Connect(inhibitory, cells, {"rule": "fixed_indegree", "indegree": 100}, {"weight": -0.85, "delay": 1.5})
recorder = nest.Create("spike_recorder")
nest.Connect(cells[:100], recorder)
nest.Simulate(0.1)  # what is prepared at the first step belongs to the construction
built = time.perf_counter()
nest.Simulate(300.0)
ended = time.perf_counter()
facts = {"build_s": built - began, "simulate_s": ended - built, "rate_hz": recorder.n_events / 100 / 0.3, "synapses": nest.num_connections}
if nest.Rank() == 0:
    sys.stdout.write(json.dumps(facts) + "\n")
