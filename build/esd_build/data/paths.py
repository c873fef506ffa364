"""Paths as people read them."""

from pathlib import Path


def shown(path: Path) -> Path:
    """A path as the user would write it: relative to the current folder if it lies below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_absolute() and path.is_relative_to(here) else path
