"""The brain of the closed loop: two layers of a balanced random network, each with a spike source and a spike sink.

Every rank of the service runs this (`esd-deploy serve nest-server --network network.py`). Its global variables that hold nodes are names
for clients. $LOOP_NEURONS: neurons in all, $LOOP_INDEGREE: connections of each.
"""

import os

import nest

NEURONS = int(os.environ.get("LOOP_NEURONS", "1000"))
INDEGREE = int(os.environ.get("LOOP_INDEGREE", "100"))
SOURCES = 4
WEIGHT, G, DELAY = 0.2, 8.0, 1.5  # mV; inhibition is so many times stronger; ms
BETWEEN = nest.random.uniform(1.0, 4.0)  # ms; with one delay for all, the network fires in volleys
BACKGROUND = 8250.0  # spikes/s to each neuron, 1.1 times what brings it to its threshold
SINK = {"E_L": 0.0, "V_m": 0.0, "V_reset": 0.0, "V_th": 1e9, "tau_m": 100.0}
"""A leaky integrate-and-fire neuron that never fires: its potential follows the rate of the neurons that are connected to it."""
FULL_RATE = 50.0
"""Spikes a second of each neuron of a layer at which its sink reads 1."""

START = {"V_m": nest.random.uniform(-70.0, -55.0)}
excitatory = nest.Create("iaf_psc_delta", NEURONS * 4 // 5, START)
inhibitory = nest.Create("iaf_psc_delta", NEURONS // 5, START)
flexor_layer, extensor_layer = excitatory[: len(excitatory) // 2], excitatory[len(excitatory) // 2 :]
flexor_sink, extensor_sink = nest.Create("iaf_psc_delta", 1, SINK), nest.Create("iaf_psc_delta", 1, SINK)
# A poisson_generator keeps the rate that it had at Prepare; this one takes another rate between two calls of Run.
flexor_source, extensor_source = (nest.Create("inhomogeneous_poisson_generator", SOURCES) for _ in range(2))
background = nest.Create("poisson_generator", 1, {"rate": BACKGROUND})
spikes = nest.Create("spike_recorder")

everyone = excitatory + inhibitory
for pre, weight, count in ((excitatory, WEIGHT, INDEGREE * 4 // 5), (inhibitory, -G * WEIGHT, INDEGREE // 5)):
    nest.Connect(pre, everyone, {"rule": "fixed_indegree", "indegree": count}, {"weight": weight, "delay": BETWEEN})
nest.Connect(background, everyone, syn_spec={"weight": WEIGHT, "delay": DELAY})
for layer, source, sink in ((flexor_layer, flexor_source, flexor_sink), (extensor_layer, extensor_source, extensor_sink)):
    nest.Connect(source, layer, syn_spec={"weight": WEIGHT, "delay": DELAY})
    nest.Connect(layer, sink, syn_spec={"weight": 1000.0 / (FULL_RATE * len(layer) * SINK["tau_m"]), "delay": DELAY})
nest.Connect(everyone, spikes)
