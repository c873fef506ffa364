"""The life of a job, from its description to its end: what both services stand on."""
