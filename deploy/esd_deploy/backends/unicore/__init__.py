"""Slurm behind UNICORE. No other room knows UNICORE's words."""
