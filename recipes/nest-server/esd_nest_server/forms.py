"""The two forms of requests and answers: JSON, and MessagePack with NumPy arrays as buffers.

An array in MessagePack is a map `{"__array__": TYPE, "shape": [N, …], "data": BYTES}` in row-major order; TYPE is NumPy's, e.g. `<f8`.
"""

import json
from typing import Any

import msgpack
import numpy

JSON = "application/json"
MSGPACK = "application/msgpack"
_KINDS = frozenset("biuf")
"""Kinds of NumPy's types that may come in: numbers and truth values; objects could carry anything."""


class FormError(ValueError):
    """What was sent is not in the form that its header names."""


def encoded(value: object, form: str) -> bytes:
    """The value in one of the two forms. Raises FormError for a value that neither can hold."""
    try:
        if form == MSGPACK:
            return bytes(msgpack.packb(value, default=_packed))
        return json.dumps(value, default=_listed, separators=(",", ":")).encode()
    except (TypeError, ValueError, OverflowError) as error:
        raise FormError(f"the answer cannot be sent: {error}") from error


def decoded(content: bytes, form: str) -> Any:
    """What was sent; nothing is None. Raises FormError."""
    if not content:
        return None
    try:
        if form == MSGPACK:
            return msgpack.unpackb(content, object_hook=_unpacked, strict_map_key=False)
        return json.loads(content)
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise FormError(f"expected {form}: {error}") from error


def _packed(value: object) -> object:
    if isinstance(value, numpy.ndarray) and value.dtype.kind in _KINDS:
        return {"__array__": value.dtype.str, "shape": value.shape, "data": value.tobytes()}
    return _listed(value)


def _listed(value: object) -> object:
    """What JSON has no word for, as lists, numbers and text."""
    if isinstance(value, numpy.ndarray | numpy.generic):
        return value.tolist()
    if isinstance(value, set | frozenset | range):
        return sorted(value)
    raise TypeError(f"neither form has a word for a {type(value).__name__}")


def _unpacked(found: dict[Any, Any]) -> object:
    if found.keys() != {"__array__", "shape", "data"}:
        return found
    kind = numpy.dtype(found["__array__"])
    if kind.kind not in _KINDS:
        raise ValueError(f"an array of type {kind.str}; only numbers are taken")
    return numpy.frombuffer(found["data"], kind).reshape(found["shape"])
