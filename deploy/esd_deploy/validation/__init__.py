"""Validates an image at a site: whether it works there, how well, and why not.

A *step* is one command line of the validation's job, with its own time limit (`step.py`). The output of the steps are the
*observations* (`observations.py`). A *check* is a pure function from observations to a *verdict* (`checks/<topic>.py`); `suite.py`
lists all checks. So tests judge recorded outputs, and a step that hangs costs only its time limit.
"""
