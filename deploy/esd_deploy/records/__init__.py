"""What is known of a run and kept on this machine: `run.json`, its parts and locks, and what a record says of an end."""
