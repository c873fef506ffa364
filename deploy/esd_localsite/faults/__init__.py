"""The board of faults that a site shows on purpose."""
