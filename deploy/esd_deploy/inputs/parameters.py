"""Parameters of a sweep: from what is typed (`g=4,4.5,5`, `seed=1..4`) and rows of a CSV file to one set for each run.

A run finds its own in `$ESD_PARAM_<name>`, as arguments of its script, and in its record.
"""

import csv
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import chain, product
from pathlib import Path

from esd_build.data.errors import UsageError

Value = int | float | str
Parameters = tuple[tuple[str, Value], ...]
"""Name and value of each, in the order in which they were given."""
VARIABLE = "ESD_PARAM_"
"""What the names of their variables begin with; the rest is the name as it was typed: g and G are two parameters."""
MOST_RUNS = 10_000
_MOST_NAMES = 100
_LARGEST = 10_000_000
"""Bytes of a file of rows."""
_LONGEST = 1000
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_INTEGER = re.compile(r"[+-]?(0|[1-9]\d{0,17})", re.ASCII)
_FLOAT = re.compile(r"[+-]?(((0|[1-9]\d*)\.\d*|\.\d+)([eE][+-]?\d+)?|(0|[1-9]\d*)[eE][+-]?\d+)", re.ASCII)
_NUMBER = r"[+-]?\d{1,18}(?:\.\d{1,18})?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(?:\.\.({_NUMBER}))?", re.ASCII)
# UNICORE's TSI puts a value between double quotes, where a shell reads these.
_CHANGED = frozenset('"`\\$')


def value(word: str) -> Value:
    """A number where the word is one (4, -0.5, 1e3), else the text: 007 stays 007."""
    if _INTEGER.fullmatch(word):
        return int(word)
    number = float(word) if _FLOAT.fullmatch(word) else math.nan
    return number if math.isfinite(number) else word


def combinations(given: Sequence[str], rows: Sequence[Parameters] = ()) -> tuple[Parameters, ...]:
    """All combinations of what is typed (NAME=VALUES) with each row; none where nothing is given.

    VALUES are separated by commas; 1..4 and 0..1..0.25 count. Raises UsageError for what cannot be read, collides, or is too much.
    """
    axes = dict(_axis(word) for word in given)
    if len(axes) < len(given):
        raise UsageError("--param: a name is given twice; give its values in one, e.g. --param g=4,4.5,5")
    twice = axes.keys() & {name for name, _ in chain.from_iterable(rows[:1])}
    if twice:
        raise UsageError(f"--param {min(twice)}: the file of --params has it too; leave one out")
    return grid(axes, rows)


def grid(axes: Mapping[str, Sequence[Value]], rows: Sequence[Parameters] = ()) -> tuple[Parameters, ...]:
    """All combinations of the values of each name, with each row. Raises UsageError for a bad name or value, and for too many runs."""
    if not axes and not rows:
        return ()
    for name, values in axes.items():
        _require_name(name)
        _require_values(name, values)
    number = math.prod(len(values) for values in axes.values()) * max(1, len(rows))
    if number > MOST_RUNS:
        raise UsageError(f"these parameters make {number:,} runs, a sweep has at most {MOST_RUNS:,}; cut it in several")
    names = tuple(axes)
    return tuple((*row, *zip(names, values, strict=True)) for row in rows or ((),) for values in product(*axes.values()))


def checked(own: Mapping[str, Value]) -> Parameters:
    """Those of one run, as a record tells them. Raises UsageError for what no sweep would have made."""
    for name, one in own.items():
        _require_name(name)
        _require_values(name, (one,))
    return tuple(own.items())


def read(path: Path) -> tuple[Parameters, ...]:
    """The rows of a CSV file, whose first line names the parameters. Raises UsageError if it cannot be read as such."""
    try:
        if path.stat().st_size > _LARGEST:
            raise UsageError(f"--params {path}: more than {_LARGEST // 1_000_000} MB; a sweep has at most {MOST_RUNS:,} rows")
        with path.open(encoding="utf-8-sig", newline="") as file:
            return tuple(_rows(path, csv.reader(file, strict=True)))
    except OSError as error:
        raise UsageError(f"--params {path}: {error.strerror}") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise UsageError(f"--params {path}: not a CSV file in UTF-8 ({error})") from error


def variables(parameters: Parameters) -> tuple[tuple[str, str], ...]:
    """The environment variables in which a run finds its own."""
    return tuple((f"{VARIABLE}{name}", str(one)) for name, one in parameters)


def arguments(given: tuple[str, ...], parameters: Parameters) -> tuple[str, ...]:
    """The script's arguments with the run's own values: in the place of {name} where one has that, else behind them as --name=value."""
    if not parameters:
        return given
    known = {name: str(one) for name, one in parameters}
    place = re.compile("|".join(rf"\{{{name}\}}" for name in known))
    if not any(place.search(word) for word in given):
        return (*given, *(f"--{name}={one}" for name, one in known.items()))
    return tuple(place.sub(lambda found: known[found[0][1:-1]], word) for word in given)


def _axis(word: str) -> tuple[str, tuple[Value, ...]]:
    name, equals, values = word.partition("=")
    if not equals:
        raise UsageError(f"--param '{word[:_LONGEST]}': expected NAME=VALUES, e.g. --param g=4,4.5,5 or --param seed=1..4")
    return name, tuple(chain.from_iterable(_listed(name, part) for part in values.split(",")))


def _listed(name: str, part: str) -> Iterable[Value]:
    """One value, or those of a range, whose last one is included."""
    match = _RANGE.fullmatch(part)
    if match is None:
        return (value(part),)
    first, last = Decimal(match[1]), Decimal(match[2])
    step = Decimal(match[3]) if match[3] else Decimal(1 if last >= first else -1)
    if not step or (last - first) / step < 0:
        raise UsageError(f"--param {name}: {part} never ends; the last number is the step, e.g. 0..1..0.25")
    number = int((last - first) / step) + 1
    if number > MOST_RUNS:
        raise UsageError(f"--param {name}: {part} are {number:,} values, a sweep has at most {MOST_RUNS:,} runs")
    return [value(format(first + step * one, "f")) for one in range(number)]


def _rows(path: Path, lines: Iterator[list[str]]) -> Iterator[Parameters]:
    names = next(lines, [])
    _require_commas(path, names)
    for name in names:
        _require_name(name)
    if not names or len(set(names)) < len(names) or len(names) > _MOST_NAMES:
        raise UsageError(f"--params {path}: the first line must name the parameters, each once, at most {_MOST_NAMES}")
    seen: dict[tuple[str, ...], int] = {}
    for number, cells in enumerate((line for line in lines if line), start=1):
        if len(cells) != len(names):
            raise UsageError(f"--params {path}: row {number} has {len(cells)} values, there are {len(names)} parameters")
        if number > MOST_RUNS:
            raise UsageError(f"--params {path}: a sweep has at most {MOST_RUNS:,} runs; cut the file in several")
        for name, cell in zip(names, cells, strict=True):
            _require_values(name, (value(cell),))
        before = seen.setdefault(tuple(cells), number)
        if before != number:
            raise UsageError(f"--params {path}: row {number} is the same as row {before}; each row makes one run")
        yield tuple((name, value(cell)) for name, cell in zip(names, cells, strict=True))
    if not seen:
        raise UsageError(f"--params {path}: no row below the names of the parameters")


def _require_commas(path: Path, names: Sequence[str]) -> None:
    """Spreadsheets of many countries write semicolons, because their decimals have commas; both would be misread."""
    other = next((word for mark, word in ((";", "semicolons"), ("\t", "tabs")) if any(mark in name for name in names)), None)
    if other:
        raise UsageError(
            f"--params {path}: the first line has {other} between the names; separate by commas, and write decimals with a point"
        )


def _require_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise UsageError(f"parameter {name[:100]!r}: letters, digits and _ please, the first not a digit; at most 64")


def _require_values(name: str, values: Sequence[Value]) -> None:
    for one in values:
        text = str(one)
        if not text or len(text) > _LONGEST or not text.isprintable():
            raise UsageError(f"parameter {name}: {text[:100]!r} is no value: expected one line of text, at most {_LONGEST} characters")
        if _CHANGED & set(text):
            raise UsageError(f"parameter {name}: {text[:100]!r} holds one of {' '.join(sorted(_CHANGED))}, which a site's shell would read")
    if len({_key(one) for one in values}) < len(values):
        raise UsageError(f"parameter {name}: a value is given twice; each value makes runs of its own, so give it once")


def _key(one: Value) -> tuple[bool, Value]:
    """4 and 4.0 are one value, 4 and '4' cannot both be: words that are numbers are read as such."""
    return isinstance(one, str), one
