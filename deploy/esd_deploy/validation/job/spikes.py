"""A short network of 500 neurons on NEST, and the hash of all its spikes: one JSON line from rank 0.

NEST draws the same random numbers for the same number of virtual processes (ranks times threads), wherever they lie.
"""

import hashlib
import json
import os
import sys

os.environ["PYNEST_QUIET"] = "1"
import nest
from mpi4py import MPI

nest.set_verbosity("M_ERROR")
nest.local_num_threads = int(os.environ.get("SLURM_CPUS_PER_TASK", "1"))
nest.rng_seed = 4711
cells = nest.Create("iaf_psc_exp", 500)
drive = nest.Create("poisson_generator", params={"rate": 8000.0})
recorder = nest.Create("spike_recorder")
nest.Connect(drive, cells, syn_spec={"weight": 60.0, "delay": 1.5})
random_delay = nest.math.redraw(nest.random.normal(mean=1.5, std=0.5), min=0.5, max=3.0)
nest.Connect(cells[:400], cells, {"rule": "fixed_indegree", "indegree": 40}, {"weight": 20.0, "delay": random_delay})
nest.Connect(cells[400:], cells, {"rule": "fixed_indegree", "indegree": 10}, {"weight": -100.0, "delay": 1.5})
nest.Connect(cells, recorder)
nest.Simulate(300.0)
events = recorder.events
mine = sorted(zip((round(10 * t) for t in events["times"]), map(int, events["senders"]), strict=True))
world = MPI.COMM_WORLD
gathered = world.gather(mine, 0)
world.Barrier()  # NEST made MPI and does not end it: a rank that left now could take its message with it
if world.rank == 0:
    spikes = sorted(spike for part in gathered for spike in part)
    facts = {
        "version": nest.__version__,
        "ranks": nest.NumProcesses(),
        "threads": nest.local_num_threads,
        "world": world.size,
        "count": len(spikes),
        "sha256": hashlib.sha256(json.dumps(spikes).encode()).hexdigest(),
    }
    sys.stdout.write(json.dumps(facts) + "\n")
