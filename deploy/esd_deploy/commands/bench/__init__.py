"""`bench` and what belongs to it."""
