"""What this machine keeps about a run: `run.json`, its parts and locks, and how the run ended."""
