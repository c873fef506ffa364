"""Parses what people type: times, shapes, variables. Pure."""

import re
from collections.abc import Sequence
from typing import get_args

from esd_build.data.errors import UsageError
from esd_build.data.names import choose
from esd_deploy.plans.launch import Shape
from esd_deploy.sites.config import Binding, Cpus, Hint

_UNITS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
_CLOCK = re.compile(r"(?:(?P<d>\d+)-)?(?P<parts>\d+(?::[0-5]?\d){0,2})", re.ASCII)
_UNITED = re.compile(r"(?:(?P<d>\d+)d)?(?:(?P<h>\d+)h)?(?:(?P<m>\d+)m(?:in)?)?(?:(?P<s>\d+)s)?", re.ASCII)
_LONGEST = 40
_NAME = re.compile(r"[A-Za-z0-9][\w.+-]{0,63}", re.ASCII)


def seconds(text: str) -> int:
    """A time as Slurm writes it (MM:SS, HH:MM:SS, D-HH, D-HH:MM, D-HH:MM:SS), with units (90m, 1h30m, 2d), or a number of seconds.

    A bare number is minutes for Slurm, and seconds here and in run.json. Raises UsageError for anything else, and for zero.
    """
    total = (_clock(text) or _united(text)) if len(text) <= _LONGEST else 0
    if not total:
        raise UsageError(f"--time '{text[:_LONGEST]}': expected seconds (600), MM:SS, HH:MM:SS, D-HH:MM:SS, or units (90m, 2h, 1d12h)")
    return total


def _clock(text: str) -> int:
    match = _CLOCK.fullmatch(text)
    if match is None:
        return 0
    parts = [int(part) for part in match["parts"].split(":")]
    first = 0 if match["d"] is not None else 3 - len(parts)  # after days, the first number is hours
    units = (3600, 60, 1)[first:]
    return int(match["d"] or 0) * _UNITS["d"] + sum(part * unit for part, unit in zip(parts, units, strict=False))


def _united(text: str) -> int:
    match = _UNITED.fullmatch(text.lower().replace(" ", ""))
    return sum(int(match[unit] or 0) * length for unit, length in _UNITS.items()) if match else 0


def shape(nodes: int, tasks_per_node: int | None, threads: int, ranks: int | None) -> Shape:
    """How a program is spread. `ranks`: on all nodes together, as in `srun -n`. Raises UsageError if the numbers contradict each other."""
    if ranks is None:
        return Shape(nodes, tasks_per_node or 1, threads)
    per_node, rest = divmod(ranks, nodes)
    if rest:
        raise UsageError(f"-n {ranks}: this many ranks do not spread evenly over {nodes} nodes; use a multiple of {nodes} or fewer nodes")
    if tasks_per_node not in {None, per_node}:
        raise UsageError(
            f"-n {ranks} on {nodes} nodes means {per_node} ranks on each, not --tasks-per-node {tasks_per_node}; leave one out"
        )
    return Shape(nodes, per_node, threads)


def binding(
    bind: str | None = None, hint: str | None = None, ranks_per_socket: int | None = None, *, exclusive: bool | None = None
) -> Binding:
    """Where ranks sit, as typed; raises UsageError for words that Slurm does not know, or does not take together."""
    for name, word, known in (("bind", bind, get_args(Cpus)), ("hint", hint, get_args(Hint))):
        if word is not None:
            choose(word, known, what=f"--{name}")
    if bind is not None and hint is not None:
        raise UsageError("--bind and --hint: Slurm takes one of them; leave one out")
    said = {"bind": bind, "hint": hint, "ranks_per_socket": ranks_per_socket, "exclusive": exclusive}
    return Binding.model_validate({name: one for name, one in said.items() if one is not None})


def variables(given: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """NAME=VALUE of each; raises UsageError for any other form."""
    wrong = [word for word in given if "=" not in word]
    if wrong:
        raise UsageError(f"--env '{wrong[0]}': expected NAME=VALUE, e.g. --env SEED=4")
    return tuple({name: value for name, _, value in (word.partition("=") for word in given)}.items())


def job_name(word: str | None) -> str | None:
    """A name of a run; raises UsageError for one that Slurm would change."""
    if word is not None and not _NAME.fullmatch(word):
        raise UsageError(f"--job-name '{word}': use at most 64 letters, digits and _ . + -, beginning with a letter or digit")
    return word
