"""Validation: whether an image works at a site, how well, and why not.

A *step* is one command line in the validation's one job, with a time limit of its own (`step.py`). What a step left behind is
its *output* (`observations.py`). A *check* is a pure function from outputs to a *verdict* (`checks/<topic>.py`); `suite.py` lists them all. So a
check is tested on recorded outputs, and a step that hangs costs its time limit and nothing more.
"""
