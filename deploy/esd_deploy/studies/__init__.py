"""Studies over finished runs: comparison, drift, research object."""
