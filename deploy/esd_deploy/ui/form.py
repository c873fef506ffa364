"""The form in which a command's options are filled in, and the words that the command would have been called with."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from esd_build.data.errors import UsageError

Kind = Literal["text", "number", "lines", "words", "flag"]
"""One word · a number · one value a line, each for itself · words as a shell reads them · yes or no."""


@dataclass(frozen=True)
class Field:
    """One option or argument of a command, as the command itself describes it."""

    name: str
    option: str
    """`--nodes`; empty for an argument."""
    kind: Kind
    help: str
    required: bool = False
    default: str = ""
    suggested: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return (self.option or self.name).lstrip("-").replace("-", " ")


def words(fields: Sequence[Field], given: Mapping[str, str]) -> list[str]:
    """What somebody would have typed. Raises UsageError for arguments that a shell cannot read."""
    options = [word for field in fields if field.option for word in _option(field, given.get(field.name, ""))]
    arguments = [word for field in fields if not field.option for word in _argument(field, given.get(field.name, ""))]
    return [*options, "--", *arguments]


def _option(field: Field, text: str) -> Iterator[str]:
    if field.kind == "flag":
        yield from [field.option] if text else []
    elif field.kind == "lines":
        yield from (f"{field.option}={line.strip()}" for line in text.splitlines() if line.strip())
    elif text.strip():
        yield f"{field.option}={text.strip()}"


def _argument(field: Field, text: str) -> Iterator[str]:
    try:
        yield from shlex.split(text) if field.kind == "words" else [text.strip()] if text.strip() else []
    except ValueError as error:
        raise UsageError(f"{field.label}: {error}; write them as in a shell, e.g. --scale 0.1 'two words'") from error
