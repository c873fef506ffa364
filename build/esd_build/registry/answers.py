"""What a registry's answers mean: which faults pass, which are final, and what a person can do about those.

Codes and their JSON form: OCI distribution specification 1.1, "Error codes"; Harbor's own: `src/lib/http/error.go` in its sources.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests

from esd_build.data.errors import EsdError, ToolError, UsageError
from esd_build.net.answers import parsed, printable
from esd_build.net.patience import PassingFault

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True)
class _Meaning:
    """A kind of refusal: how to tell it, and what to say."""

    applies: Callable[[int, str], bool]
    error: type[EsdError]
    advice: str


_MEANINGS = (
    _Meaning(
        lambda _status, words: "no space left" in words,
        ToolError,
        "the registry's own disk is full: tell its administrator",
    ),
    _Meaning(
        lambda _status, words: "upper limit" in words,
        UsageError,
        "the project's quota is used up: remove old tags, or ask the project's administrator for more",
    ),
    _Meaning(
        lambda status, words: status == 412 or "immutable" in words,
        UsageError,
        "this tag is immutable: push under another tag (`esd-build tags` explains)",
    ),
    _Meaning(
        lambda status, _words: status == 413,
        ToolError,
        "a server in front of the registry limits the size of a request: set ESD_REGISTRY_CHUNK_MB to a smaller one",
    ),
    _Meaning(
        lambda status, _words: status == 403,
        UsageError,
        "this account lacks the right; check the project's name and the account's rights",
    ),
    _Meaning(lambda status, _words: status == 404, UsageError, "there is no such project or repository"),
)


def checked(response: requests.Response, doing: str, accepted: frozenset[int]) -> requests.Response:
    """The response, where its status is an accepted one. Raises PassingFault or the final error, with the registry's own words."""
    if response.status_code in accepted:
        return response
    words = said(response)
    final = _final(response, doing, words)
    if response.status_code in _PASSING and "no space left" not in words.lower():
        raise PassingFault(final, _pause(response))
    raise final


def said(response: requests.Response) -> str:
    """The registry's own words about a refusal, one line, or '' where it has none."""
    text = printable(response.content[:2000].decode(errors="replace"))  # not in whatever writing the server names
    plain = " ".join(text.split())[:200] if "<" not in text else ""
    try:
        found: Any = parsed(text, "its answer")
        errors = [error for error in found["errors"] if isinstance(error, dict)]
    except (ToolError, KeyError, TypeError):
        return plain
    parts = [f"{error.get('code', '')}: {error.get('message', '')} {error.get('detail') or ''}".strip() for error in errors]
    return "; ".join(parts)[:500] or plain


def _final(response: requests.Response, doing: str, words: str) -> EsdError:
    host = response.url.split("/")[2] if response.url else "registry"
    answer = f"{doing}: registry {host} answered {response.status_code} {response.reason}" + (f" ({words})" if words else "")
    meaning = next((known for known in _MEANINGS if known.applies(response.status_code, words.lower())), None)
    if meaning is None:
        return ToolError(answer)
    return meaning.error(f"{answer}; {meaning.advice}")


def _pause(response: requests.Response) -> float | None:
    """`Retry-After` in seconds; its other form, a date, is not used by registries."""
    text = response.headers.get("Retry-After", "")
    return min(float(text), _LONGEST_PAUSE_S) if text.isdecimal() else None
