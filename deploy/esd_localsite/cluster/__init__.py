"""Slurm, its network, accounts, modules, certificates and registry: configuration files, written at `up`."""
