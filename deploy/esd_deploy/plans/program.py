"""Checks that a file is a program: Python reads a notebook without a message and does nothing. Pure."""

import ast
import json
import warnings
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
