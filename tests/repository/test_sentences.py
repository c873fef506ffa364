"""Sentences that a reader can hold: their length is bounded, on every page that was written by hand."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GENERATED = {"commands.md", "site-files.md", "run-record.md"}
PAGES = sorted(path for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")) if path.name not in GENERATED)
LONGEST = 32
"""Words. House style asks for one idea a sentence; most have fewer than 20."""
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_ITEM = re.compile(r"([-*]|\d+\.) ")


def blocks(text: str) -> Iterator[str]:
    """Paragraphs, list items and cells of tables, each as one line."""
    lines: list[str] = []
    for line in (*(line.strip() for line in _FENCE.sub("\n", text).splitlines()), ""):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)] if line.startswith("|") else []
        if not line or cells or line.startswith("#") or _ITEM.match(line):
            yield " ".join(lines)
            lines = []
        yield from cells
        if line and not cells:
            lines.append(_ITEM.sub("", line, count=1) if _ITEM.match(line) else line)


def sentences(text: str) -> Iterator[str]:
    """The sentences of a page; a piece of code and a link count as one word, a full stop within them ends nothing."""
    for block in blocks(text):
        plain = re.sub(r"`[^`]*`", "`code`", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", block))
        yield from re.split(r"(?<=[.!?:])[\"')*]*\s+", plain)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_sentence_is_too_long(page: Path) -> None:
    long = [sentence for sentence in sentences(page.read_text()) if len(sentence.split()) > LONGEST]
    assert long == [], f"{len(long)} sentences of more than {LONGEST} words"


def test_how_sentences_are_told_apart() -> None:
    page = "# Title\n\nOne `a. B` here\nis one. Two: three\n\n| cell one | cell two. And more |\n\n* item one\n  goes on\n* item two\n"
    assert [one for one in sentences(page) if one] == [
        "# Title",
        "One `code` here is one.",
        "Two:",
        "three",
        "cell one",
        "cell two.",
        "And more",
        "item one goes on",
        "item two",
    ]
