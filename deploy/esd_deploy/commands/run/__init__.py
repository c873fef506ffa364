"""The commands that begin runs."""
