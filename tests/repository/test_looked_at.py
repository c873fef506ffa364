"""No file of ours is passed over: pytest collects every folder of tests, ruff reads every folder of code, whatever a room is called."""

import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]


def folders(of: str) -> Iterator[Path]:
    """The folders below one that hold code."""
    yield from {path.parent.relative_to(ROOT) for path in (ROOT / of).rglob("*.py") if "__pycache__" not in path.parts}


def hidden(folder: Path, pattern: str) -> bool:
    """Whether a pattern leaves a folder out: a bare name does wherever it stands, one with a slash at that place only."""
    return pattern == str(folder) if "/" in pattern else any(fnmatch(part, pattern) for part in folder.parts)


def test_pytest_collects_every_folder_of_tests() -> None:
    patterns = SETTINGS["pytest"]["ini_options"]["norecursedirs"]
    found = [f for f in folders("tests") if any((ROOT / f).glob("test_*.py")) and any(hidden(f, pattern) for pattern in patterns)]
    assert found == []


def test_ruff_reads_every_folder_of_code() -> None:
    patterns = SETTINGS["ruff"]["extend-exclude"]
    found = [
        f for of in ("build", "deploy", "tests", "ci", "benchmarks", "examples") for f in folders(of) if any(hidden(f, p) for p in patterns)
    ]
    assert found == []
