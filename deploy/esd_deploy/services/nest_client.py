"""A client of our NEST Server: one open connection, NumPy arrays in both directions, many calls in one request. Needs no NEST."""

import http.client
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import msgpack
import numpy

from esd_build.data.errors import ToolError
from esd_build.net.answers import printable

_MSGPACK = "application/msgpack"
_MOST_BYTES = 2 * 1024**3
_WARN_S = 120
_KINDS = frozenset("biuf")


class ServiceError(ToolError):
    """The service refuses or fails; the message has its words."""


@dataclass(frozen=True)
class Batch:
    """Calls that are carried out one after the other, in one request."""

    calls: list[list[Any]] = field(default_factory=list)

    def add(self, name: str, *args: Any, **kwargs: Any) -> Self:
        """One more call of a function of NEST."""
        self.calls.append([name, {"args": list(args), **kwargs} if kwargs else list(args)])
        return self


class NestClient:
    """One connection to a service; not safe to use from several threads at once.

    After each call, `spent_ms` says where the service's time went: `nest` in NEST, `ranks` between the ranks, `form` for the answer's form.
    """

    def __init__(self, host: str, port: int, token: str, *, timeout_s: float = 600) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
        self._headers = {"NESTServerAuth": token, "Content-Type": _MSGPACK, "Accept": _MSGPACK}
        self._warned = False
        self.spent_ms: Mapping[str, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next call opens it again."""
        self._connection.close()

    def about(self) -> Mapping[str, Any]:
        """NEST's version, the number of ranks, and the seconds until the service ends."""
        found = self._ask("GET", "/")
        return found if isinstance(found, dict) else {}

    def populations(self) -> Mapping[str, int]:
        """The names that stand for nodes, and how many nodes each has."""
        found = self._ask("GET", "/populations")
        return found if isinstance(found, dict) else {}

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a function of NEST by its name. Raises ServiceError with NEST's words if it fails."""
        return self.run(Batch().add(name, *args, **kwargs))[0]

    def run(self, batch: Batch) -> list[Any]:
        """The answers to a batch. Raises ServiceError at the first call that fails; those before it stay done."""
        found = self._ask("POST", "/batch", {"calls": batch.calls})
        answers = found.get("answers") if isinstance(found, dict) else None
        if not isinstance(answers, list) or len(answers) != len(batch.calls):
            raise ServiceError("the service answered in another form than a batch has")
        return answers

    def stop(self) -> None:
        """Have the service save its recorders' events and end."""
        self._ask("POST", "/stop", {})

    def _ask(self, method: str, path: str, value: object = None) -> Any:
        content = None if value is None else msgpack.packb(value, default=_packed)
        try:
            self._connection.request(method, path, content, self._headers)
            response = self._connection.getresponse()
            answer = response.read(_MOST_BYTES)
        except http.client.HTTPException as error:
            self.close()
            raise ServiceError(f"the service broke off ({type(error).__name__}); did its job end?") from error
        except OSError as error:
            self.close()
            raise ServiceError(
                f"the service does not answer ({error.strerror or error}); `esd-deploy services --refresh` says whether it runs"
            ) from error
        if response.status != http.client.OK:
            raise ServiceError(f"the service says {response.status}: {printable(answer[:2000].decode(errors='replace'), 2000)}")
        self.spent_ms = _spent(response.headers.get("Server-Timing", ""))
        self._warn(response.headers.get("NESTServer-Ends-In", ""))
        return _unpacked(answer)

    def _warn(self, left: str) -> None:
        """Once, when the time limit comes near."""
        if not self._warned and left.isdecimal() and int(left) <= _WARN_S:
            self._warned = True
            warnings.warn(f"the service reaches its time limit in {left} s; it saves its recorders' events before that", stacklevel=4)


def _spent(header: str) -> Mapping[str, float]:
    found = {}
    for part in header.split(","):
        name, _, duration = part.strip().partition(";dur=")
        try:
            found[name] = float(duration)
        except ValueError:
            continue
    return found


def _packed(value: object) -> object:
    if isinstance(value, numpy.ndarray) and value.dtype.kind in _KINDS:
        return {"__array__": value.dtype.str, "shape": value.shape, "data": value.tobytes()}
    if isinstance(value, numpy.generic):
        return value.item()
    raise TypeError(f"a {type(value).__name__} cannot be sent")


def _unpacked(content: bytes) -> Any:
    try:
        return msgpack.unpackb(content, object_hook=_array, strict_map_key=False)
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise ServiceError(f"the service's answer is unreadable ({type(error).__name__})") from error


def _array(found: dict[Any, Any]) -> object:
    if found.keys() != {"__array__", "shape", "data"}:
        return found
    kind = numpy.dtype(found["__array__"])
    if kind.kind not in _KINDS:
        raise ValueError("an array that holds no numbers")
    return numpy.frombuffer(found["data"], kind).reshape(found["shape"])
