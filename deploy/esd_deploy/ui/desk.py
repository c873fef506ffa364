"""What all pages work with: the runs, the follower, the commands that they carry out, and what is to be told once."""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from esd_deploy.records.record import RunRecord
from esd_deploy.ui.follower import Follower
from esd_deploy.ui.form import Field
from esd_deploy.ui.shelf import Shelf

_MOST_TOLD = 200
Notice = Callable[[str], None]


class Submit(Protocol):
    """The command `submit`: its options, and what it does with them."""

    @property
    def fields(self) -> Sequence[Field]: ...

    def __call__(self, words: Sequence[str], notice: Notice) -> Iterator[RunRecord]:
        """Checks at once, and submits while it is iterated. Raises EsdError, and UsageError for words that are no call of it."""


Rerun = Callable[[str, Notice], str]
"""The id of a run → that of its repetition, submitted. Raises EsdError."""


@dataclass(frozen=True)
class Told:
    """A message that a page shows after something was done."""

    text: str
    good: bool = True


@dataclass(frozen=True)
class Desk:
    """One user's page."""

    shelf: Shelf
    follower: Follower
    submit: Submit
    rerun: Rerun
    validations: Path
    bench: Path
    _told: dict[str, Told] = field(default_factory=dict)

    @property
    def runs(self) -> Path:
        return self.shelf.runs

    def note(self, text: str, *, good: bool = True) -> str:
        """Keep a message for the next page; returns the word by which that page finds it."""
        while len(self._told) >= _MOST_TOLD:
            self._told.pop(next(iter(self._told)))
        key = secrets.token_hex(4)
        self._told[key] = Told(text, good)
        return key

    def told(self, query: Mapping[str, str]) -> Told | None:
        """The message that a page's address names."""
        return self._told.get(query.get("note", ""))
