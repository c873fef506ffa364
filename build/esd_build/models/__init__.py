"""Neuron models in NESTML: code for NEST and SpiNNaker, its portability, and whether a network fits a machine."""
