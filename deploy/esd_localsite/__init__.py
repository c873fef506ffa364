"""A whole HPC site on one machine: Slurm with two nodes, a container registry, and UNICORE in front."""
