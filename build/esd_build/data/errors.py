"""The errors that reach a user: one base, three kinds, each with its exit code.

A message says what went wrong, where, and what to do. Only the command lines catch these.
"""

import errno
import os

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""The system's error codes for a full disk or quota."""


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
    """The command needs a checkout, and the current folder is not in one."""


def disk_full(error: OSError) -> ToolError | None:
    """The message for a full disk; None for every other failure of the system."""
    if error.errno not in FULL:
        return None
    place = f" ({os.fsdecode(error.filename)})" if isinstance(error.filename, (str, bytes, os.PathLike)) else ""
    return ToolError(f"the disk is full{place}: make room, then start again")


def folder_gone(error: OSError) -> UsageError | None:
    """That the current folder was deleted, in words; None if it is there."""
    if not isinstance(error, FileNotFoundError):
        return None
    try:
        os.getcwd()  # noqa: PTH109 - nothing but whether it fails
    except FileNotFoundError:
        return UsageError("the current folder was deleted; change into another folder")
    return None
