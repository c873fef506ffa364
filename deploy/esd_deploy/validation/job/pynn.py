"""Five PyNN neurons on NEST: one JSON line with their spikes."""

import json
import sys
from importlib.metadata import version

import pyNN.nest as sim

sim.setup(timestep=0.1)
cells = sim.Population(5, sim.IF_curr_alpha(i_offset=1.0))
cells.record("spikes")
sim.run(200.0)
spikes = sum(len(train) for train in cells.get_data().segments[0].spiketrains)
sys.stdout.write("\n" + json.dumps({"version": version("PyNN"), "spikes": spikes}) + "\n")
