"""The oldest versions of other people's programs that we work with, and how a version is read out of what a program prints."""

import re

APPTAINER = "1.3"
"""The first with --sharens."""


def said(text: str) -> str | None:
    """The first version in a text: `1.4.5` of `apptainer version 1.4.5-1`; None without one."""
    found = re.search(r"\d+(?:\.\d+)+", text)
    return found[0] if found else None


def numbers(text: str) -> tuple[int, ...]:
    """The first version in a text as numbers, which compare as versions do; empty without one."""
    return tuple(int(part) for part in (said(text) or "").split(".") if part)


def older(text: str, than: str) -> bool:
    """Whether the first version in a text is older than another; what tells no version is older than none."""
    return bool(numbers(text)) and numbers(text) < numbers(than)
