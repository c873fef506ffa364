"""Checks that a file is a program: Python reads a notebook without a message and does nothing. Pure."""

import ast
import json
import warnings
from collections.abc import Collection
from pathlib import Path

from esd_build.data.errors import UsageError

_LARGEST = 5_000_000
_DATA = (ast.Dict, ast.List)


def require_program(path: Path, content: bytes) -> None:
    """Raises UsageError for a script that would succeed without doing anything."""
    if not content.strip():
        raise UsageError(f"script {path} is empty: there is nothing to run")
    if path.suffix == ".ipynb" or _is_notebook(content):
        raise UsageError(
            f"script {path} is a notebook, which Python would read without running a cell; "
            f"`jupyter nbconvert --to script {path.name}` makes a script of it"
        )
    if _is_data(content):
        raise UsageError(f"script {path} holds only data, like a JSON file; no line of it does anything")


def unsent(path: Path, content: bytes, sent: Collection[str]) -> list[Path]:
    """Modules that a script imports, that lie beside it, and are not sent: to be named before the job dies of it."""
    found = {path.parent / name for name in _imported(content)}
    files = (one for name in found for one in (name.with_suffix(".py"), name) if one.is_file() or (one / "__init__.py").is_file())
    return sorted(one for one in files if not any(place == one.name or place.startswith(f"{one.name}/") for place in sent))


def _imported(content: bytes) -> set[str]:
    """The first parts of the names that a program imports from elsewhere than its own package."""
    if len(content) > _LARGEST:
        return set()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            nodes = list(ast.walk(ast.parse(content)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    direct = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names = direct | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.partition(".")[0] for name in names}


def _is_notebook(content: bytes) -> bool:
    if not content.lstrip().startswith(b"{") or len(content) > 100 * _LARGEST:
        return False
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and "cells" in document and "nbformat" in document


def _is_data(content: bytes) -> bool:
    """Another Python version may parse what this one cannot: then the job will tell."""
    if len(content) > _LARGEST:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return bool(tree.body) and all(isinstance(one, ast.Expr) and isinstance(one.value, _DATA) for one in tree.body)
