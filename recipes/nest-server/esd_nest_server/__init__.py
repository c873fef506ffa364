"""NEST over HTTP on many MPI ranks: every rank carries out each call, and the answers of n ranks are merged into those of one."""
