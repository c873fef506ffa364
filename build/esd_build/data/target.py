"""Microarchitectures that an image can be compiled for, in archspec's words: what the compiler calls them, and which machine runs them."""

import archspec.cpu

from esd_build.data.errors import UsageError
from esd_build.data.names import choose

_COMPILER = ("gcc", "14.2.0")


def march(target: str) -> str:
    """What the compiler calls a target: `x86-64-v3` for `x86_64_v3`. Raises UsageError for a name that archspec does not know."""
    flags = _target(target).optimization_flags(*_COMPILER).split()
    return next((flag.removeprefix("-march=") for flag in flags if flag.startswith("-march=")), target)


def for_machine(target: str, architecture: str, *, chosen: bool) -> str:
    """The target of a build on a machine: the one that was chosen, or the environment's; on another kind of processor its generic one.

    Raises UsageError if a target was chosen that this kind of processor cannot be built for.
    """
    if str(_target(target).family) == architecture:
        return target
    if chosen or architecture not in archspec.cpu.TARGETS:
        raise UsageError(
            f"target '{target}' is for {_target(target).family} processors, but this machine is {architecture}; build it on such a machine"
        )
    return architecture


def require_runs_here(target: str) -> None:
    """Raises UsageError if this machine's processor lacks instructions that an image for `target` may use."""
    host = archspec.cpu.host()
    needed = _target(target)
    if not host >= needed:
        lacking = sorted(needed.features - host.features)[:8]
        raise UsageError(
            f"an image for {target} does not run on this machine ({host.name} lacks {', '.join(lacking) or 'its instruction set'}); "
            "build it for an older target (--target), or use a newer machine"
        )


def _target(name: str) -> archspec.cpu.Microarchitecture:
    return archspec.cpu.TARGETS[choose(name, archspec.cpu.TARGETS, what="target")]
