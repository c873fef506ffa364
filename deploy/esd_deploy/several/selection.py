"""Finds the runs that a user means: by id, by the beginning of an id, by `last`, by a tag."""

from collections.abc import Sequence
from pathlib import Path

from esd_build.data.errors import EsdError, UsageError
from esd_deploy.records import listing, record

LAST = "last"
_SHORTEST = 3
_SHOWN = 5
_SECOND = 15
"""Characters at the beginning of an id: its date and time, to the second."""


def one(runs: Path, word: str) -> str:
    """The id of a run: the newest for `last`, else the only id that begins with the word, or whose last part does, else the word itself.

    Raises UsageError if the word fits several runs. If it fits none, reading the record raises the error.
    """
    if "/" in word or (runs / word / record.FILE_NAME).is_file():
        return word
    ids = record.known(runs)
    if word == LAST:
        return _newest(runs, ids)
    fitting = [known for known in ids if known.startswith(word) or known.rpartition("-")[2].startswith(word)]
    if len(word) < _SHORTEST or not fitting:
        return word
    if len(fitting) > 1:
        more = f" and {len(fitting) - _SHOWN} more" if len(fitting) > _SHOWN else ""
        raise UsageError(f"'{word}' fits {len(fitting)} runs: {', '.join(fitting[-_SHOWN:])}{more}; type more of the id")
    return fitting[0]


def several(runs: Path, words: Sequence[str], tag: str | None) -> list[str]:
    """The ids of all runs that the words and the tag name, each once. Raises UsageError if nothing is named, or no run has the tag."""
    if not words and tag is None:
        raise UsageError(
            f"name a run: its id from `esd-deploy list`, the beginning of one, `{LAST}`, or --tag WORD for all runs with a tag"
        )
    named = [one(runs, word) for word in words]
    tagged = [] if tag is None else _in_order(runs, tag)
    if tag is not None and not tagged:
        raise UsageError(f"no run in {runs} has the tag '{tag}'; `esd-deploy list --table` shows the tags")
    return list(dict.fromkeys((*named, *tagged)))


def _in_order(runs: Path, tag: str) -> list[str]:
    """In the order of submission: ids of the same second have no order of their own."""
    return [run_id for _, run_id in sorted((found.states[0].time, found.id) for found in listing.records(runs, tag))]


def _newest(runs: Path, ids: Sequence[str]) -> str:
    """The newest run: of those made in the same second, the one recorded last."""
    if not ids:
        raise UsageError(f"no run in {runs} yet; start one with `esd-deploy run` or `esd-deploy submit`")
    same = [known for known in ids if known[:_SECOND] == ids[-1][:_SECOND]]
    return max(same, key=lambda known: (_begun(runs, known), known))


def _begun(runs: Path, run_id: str) -> float:
    try:
        return record.load(runs, run_id).states[0].time.timestamp()
    except (EsdError, IndexError):
        return 0
