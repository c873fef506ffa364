"""What a request costs the others: seconds of the interpreter and of the processors, measured or estimated."""

import functools
import inspect
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.routing import Route
from starlette.types import Scope

BYTE_S = 2e-8
"""A byte of a body, encrypted or decrypted and passed on in small pieces, each of which changes threads."""
_REQUEST_S = 0.001
_SUBMISSION_S = 0.03
"""What follows a submission: records flushed to disk, programs started, the batch system asked."""
_SUBMISSION = re.compile(r".*/(jobs|sites/[^/]+)/?")


@dataclass
class Cost:
    """The seconds that a request has cost so far."""

    seconds: float = 0.0


def cost_of_request(scope: Scope) -> float:
    """The estimate for a request before its work is measured."""
    submits = scope["method"] == "POST" and _SUBMISSION.fullmatch(str(scope["path"]))
    return _SUBMISSION_S if submits else _REQUEST_S


def measured(route: Route) -> Route:
    """The same route; if its work is done in a thread, its duration is added to the request's cost.

    Not its processor time: while it works, each step of another request waits for the interpreter.
    """
    work = route.endpoint
    if inspect.iscoroutinefunction(work):
        return route
    return Route(route.path, _measuring(work), methods=list(route.methods or ()))


def _measuring(work: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(work)
    def measure(request: Any) -> Any:
        begun = time.perf_counter()
        try:
            return work(request)
        finally:
            request.scope.get("cost", Cost()).seconds += time.perf_counter() - begun

    return measure
