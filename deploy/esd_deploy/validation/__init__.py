"""Validation: whether an image works at a site, how well, and why not.

A *step* is one command line of the validation's one job, with its own time limit (`step.py`). What the steps leave behind are the
*observations* (`observations.py`). A *check* is a pure function from observations to a *verdict* (`checks/<topic>.py`); `suite.py`
lists them all. So a check is tested on recorded outputs, and a step that hangs costs its time limit and nothing more.
"""
