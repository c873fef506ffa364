"""The terms in which every check is written: step, observations, verdict, check, and the launcher of its command lines."""
