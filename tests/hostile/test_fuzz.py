"""Every parser at an edge, with what nobody foresaw: a good sample, altered at random, gives a value or an error of this project.

The samples are the files of `tests/data/fuzz/<parser>/`: good ones, and what once went wrong. The number of examples is
$ESD_FUZZ (default: 60, so that the whole takes seconds); `make fuzz` runs many, `make fuzz-long` lets the code that is reached lead.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.hostile.readers import EXPECTED, FILES, READERS, file_reader, samples_of

EXAMPLES = int(os.environ.get("ESD_FUZZ", "60"))
MANY = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="ESD_FUZZ" not in os.environ,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
NASTY = tuple(
    text.encode("latin-1")
    for text in (
        "",
        "\0",
        "[" * 300,
        "{" * 300,
        "9" * 400,
        "1e999",
        "-1",
        "\xff",
        "\\ud800",
        "../",
        "/",
        "\n",
        "\x1b]52;c;x\x07",
        "null",
        "{}",
    )
)


@st.composite
def altered(draw: st.DrawFn, samples: tuple[bytes, ...]) -> bytes:
    """A sample with some places replaced, cut out or doubled."""
    content = draw(st.sampled_from(samples))
    for _ in range(draw(st.integers(0, 4))):
        begin = draw(st.integers(0, len(content)))
        end = min(len(content), begin + draw(st.integers(0, 12)))
        put = draw(st.sampled_from(NASTY) | st.binary(max_size=8) | st.just(content[begin:end] * 2))
        content = content[:begin] + put + content[end:]
    return content


def tried(read: Callable[[bytes], None], content: bytes) -> None:
    """Read it; what is told of it can be told."""
    try:
        read(content)
    except EXPECTED as error:
        str(error).encode(errors="strict")


@pytest.mark.parametrize("parser", READERS)
def test_a_parser_gives_a_value_or_an_error_of_ours(parser: str) -> None:
    fuzz(READERS[parser], samples_of(parser))


@pytest.mark.parametrize("kind", FILES)
def test_a_file_gives_a_value_or_an_error_of_ours(kind: str, tmp_path: Path) -> None:
    fuzz(file_reader(kind, tmp_path), samples_of(kind))


def fuzz(read: Callable[[bytes], None], samples: tuple[bytes, ...]) -> None:
    for sample in samples:
        tried(read, sample)
    MANY(given(altered(samples))(lambda content: tried(read, content)))()
