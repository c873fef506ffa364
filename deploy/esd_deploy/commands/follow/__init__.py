"""The commands that follow runs."""
