"""The errors that reach a user: one base, three kinds, each with its exit code.

A message says what went wrong, where, and what to do. Only the command lines catch these.
"""


class EsdError(Exception):
    """Base of all errors that a command line turns into one message and an exit code."""

    exit_code = 1


class ConfigError(EsdError):
    """A data file (recipe, environment, site) is wrong: the message names the file and the key."""

    exit_code = 2


class UsageError(EsdError):
    """The command was called with something that does not exist or does not go together."""

    exit_code = 3


class ToolError(EsdError):
    """An outside tool or server (Apptainer, registry, UNICORE, Slurm) is missing, failed, or answered wrongly."""

    exit_code = 4


class NoCheckoutError(UsageError):
    """What was asked for reads or makes files of a checkout, and there is none around."""
