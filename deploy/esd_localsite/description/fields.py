"""Reads a client's JSON key by key and checks every value. Raises DescriptionError, whose message is for the client."""

import ast
import json
import math
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TypeAlias

from esd_localsite.description.resources import DescriptionError

Json: TypeAlias = object
"""A parsed JSON value."""

_DEEPEST = 64
_LARGEST = 2**63
_LONGEST_LITERAL = 2**16
"""Characters: Python's own reader takes more time and stack than JSON's, and nobody types as much."""


def read_object(body: bytes) -> dict[str, Json]:
    """The JSON object in a request's body. Also accepts single quotes, which pyunicore's command line sends."""
    text = body.decode(errors="replace").strip() or "{}"
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        try:
            value = ast.literal_eval(text if len(text) <= _LONGEST_LITERAL else "")
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            raise DescriptionError(f"Cannot parse the request body as JSON: {error}") from error
    if not isinstance(value, dict):
        raise DescriptionError(f"The request body must be a JSON object, not {type(value).__name__}")
    _check_storable(value, 0)
    return {str(key): item for key, item in value.items()}


def _check_storable(value: Json, depth: int) -> None:
    """What is kept of a request must be valid JSON: Python literals allow more, and text may hold half a character."""
    if depth > _DEEPEST:
        raise DescriptionError("The request body is nested too deeply")
    if isinstance(value, dict):
        for key, item in value.items():
            _check_storable(key, depth + 1)
            _check_storable(item, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_storable(item, depth + 1)
    elif isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise DescriptionError("The request body holds text that is not Unicode") from None
    elif isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
        raise DescriptionError("The request body holds a number that does not fit 64 bits")
    elif value is not None and not (isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value))):
        raise DescriptionError(f"The request body holds a value that JSON cannot express: {value!r:.40}")


def optional(fields: Mapping[str, Json], key: str) -> str | None:
    """A string; None if it is missing or empty."""
    value = fields.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, dict | list | tuple):
        raise DescriptionError(f"'{key}' must be a string")
    if "\0" in str(value):
        raise DescriptionError(f"'{key}' must not hold a zero byte")
    return str(value)


def list_of_strings(fields: Mapping[str, Json], key: str) -> tuple[str, ...]:
    """A list of strings; what is not a list counts as none."""
    value = fields.get(key)
    found = tuple(str(item) for item in value) if isinstance(value, list | tuple) else ()
    if any("\0" in item for item in found):
        raise DescriptionError(f"'{key}' must not hold a zero byte")
    return found


def lines(fields: Mapping[str, Json], key: str) -> str | None:
    """A text of several lines: one string, or a list of lines, each of which gets a line end."""
    value = fields.get(key)
    if isinstance(value, list | tuple):
        return "".join(f"{line}\n" for line in list_of_strings(fields, key))
    return optional(fields, key)


def map_of_strings(fields: Mapping[str, Json], key: str) -> dict[str, str]:
    """Name → string; what is not a map counts as none. Raises DescriptionError for a value that is not a string."""
    value = fields.get(key)
    found = value if isinstance(value, dict) else {}
    for name, content in found.items():
        if not isinstance(content, str) or "\0" in content:
            raise DescriptionError(f'JSONObject["{name}"] is not a string.')
    return {str(name): str(content) for name, content in found.items()}


def flag(fields: Mapping[str, Json], key: str, *, default: bool = False) -> bool:
    """A boolean, or the word `true`."""
    return str(fields.get(key, default)).lower() == "true"


def file_name(name: str, key: str) -> str:
    """A path below the working directory."""
    path = PurePosixPath(name.lstrip("/"))
    if not path.parts or ".." in path.parts or "\0" in name or "\n" in name:
        raise DescriptionError(f"'{key}': '{name}' is not a file in the working directory")
    return str(path)
