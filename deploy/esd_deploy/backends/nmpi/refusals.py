"""What a neuromorphic queue's refusals mean for a user."""

import httpx

from esd_build.data.errors import ToolError
from esd_build.net.answers import parsed, printable
from esd_deploy.backends.connection import ConnectionLostError, GoneError, RefusedError
from esd_deploy.sites.endpoint import Endpoint


class NotThereError(GoneError):
    """404; `said`: the queue's own words."""

    def __init__(self, message: str, said: str) -> None:
        super().__init__(message)
        self.said = said


def meaning(status: int, text: str, what: str, endpoint: Endpoint) -> ToolError:
    """What an HTTP status of the queue means for a user."""
    match status:
        case 401:
            return RefusedError(
                f"{endpoint.url} does not accept this token: it has expired, or EBRAINS did not issue it; get a new one ({text})"
            )
        case 403:
            return RefusedError(f"{endpoint.url} refuses: the collaboratory has no quota for this platform, or you are no member ({text})")
        case 404 | 410:
            return NotThereError(f"{what} is no longer there ({text or status}): jobs and results are removed after a time", text)
        case 503:
            return ConnectionLostError(f"{endpoint.url} is in maintenance ({text})")
        case 408 | 425 | 429:
            return ConnectionLostError(f"{endpoint.url} is busy ({status} {text})")
    return (
        ConnectionLostError(f"{endpoint.url}: {status} {text}") if status >= 500 else ToolError(f"{endpoint.url} refused: {status} {text}")
    )


def said(response: httpx.Response) -> str:
    """The reason in an error answer: `detail` or `error`, else the beginning of the text."""
    try:
        content = parsed(response.content, "the reason")
    except ToolError:
        return printable(response.content.decode(errors="replace"), 200)  # not in whatever writing the server names
    reason = (content.get("detail") or content.get("error")) if isinstance(content, dict) else content
    return printable(reason, 500)
