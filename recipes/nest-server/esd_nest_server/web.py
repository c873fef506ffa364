"""NEST Server's HTTP interface: `POST /api/CALL` as NEST's own, besides `POST /batch` for many calls in one request.

| | |
|---|---|
| `GET /` | version of NEST, number of ranks, seconds until the service ends |
| `GET /api`, `GET /populations` | the functions; the names that stand for nodes |
| `POST /api/CALL` | a list: arguments by place; a map: by name (`args` in it: by place) |
| `POST /batch` | `{"calls": [[NAME, ARGUMENTS], …]}`, with ARGUMENTS as above; answers `{"answers": […]}`; the first failure ends it |
| `POST /exec` | `{"source": TEXT, "return": NAMES}`: run a script, where the service allows it; answers `{"data": …}` |
| `POST /stop` | save the recorders' data, end the service |

Each request has the token, in the header `NESTServerAuth` or as `Authorization: Bearer`. Connections stay open. Every answer says in
`Server-Timing` where the time went, and in `NESTServer-Ends-In` how many seconds are left.
"""

import hmac
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from esd_nest_server import forms
from esd_nest_server.desk import ClosedError, Desk
from esd_nest_server.kernel import SCRIPT, Call
from esd_nest_server.team import Answer, CallError

_MOST_BYTES = 256 * 1024**2
"""Of a request."""
_STRANGER_S = 30
_IDLE_S = 3600
"""An open connection that says nothing is closed: soon, as long as it has not shown the token."""
_EXEC = "scripts are not executed here: RestrictedPython does not contain them. Send one with the job (serve --network), or use --scripts"
_ALLOWED = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "NESTServerAuth, Authorization, Content-Type",
    "Access-Control-Max-Age": "600",
}
"""What a browser may send from a page of an allowed origin."""


class Facts:
    """What the service tells of itself; `ends_at` in seconds since 1970, or None. `origins`: whose pages may ask from a browser."""

    def __init__(
        self, version: str, ranks: int, names: frozenset[str], ends_at: float | None = None, origins: frozenset[str] = frozenset()
    ) -> None:
        self.version = version
        self.ranks = ranks
        self.names = names
        self.ends_at = ends_at
        self.origins = origins

    @property
    def left_s(self) -> int | None:
        return None if self.ends_at is None else max(0, round(self.ends_at - time.time()))


class Server(ThreadingHTTPServer):
    """Bound to one address. `populations`: the names that stand for nodes, and how many each has."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, place: tuple[str, int], token: str, desk: Desk, facts: Facts, populations: Mapping[str, int]) -> None:
        self.token = token.encode()
        self.desk = desk
        self.facts = facts
        self.populations = populations
        super().__init__(place, Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news; nothing of a request is ever printed."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = _STRANGER_S

    def version_string(self) -> str:
        return "esd-nest-server"

    def log_message(self, *_words: object) -> None:
        """Silent: a closed loop would write fifty lines a second."""

    def do_GET(self) -> None:
        self._guarded(self._get)

    def do_POST(self) -> None:
        self._guarded(self._post)

    def do_OPTIONS(self) -> None:
        """A browser asks before it lets a page send the token. It does not have the token for this question."""
        self.close_connection = True
        if self._origin():
            self._write(HTTPStatus.NO_CONTENT, b"", "text/plain", _ALLOWED)
        else:
            self._say(HTTPStatus.FORBIDDEN, "pages of this origin may not ask; `serve --origin` names those that may")

    def _origin(self) -> str | None:
        """Where the page that asks comes from, if its pages may."""
        given = self.headers.get("Origin")
        return given if given in self.server.facts.origins else None

    def _guarded(self, answer: Callable[[], None]) -> None:
        """Answers with the status that fits an error."""
        if not self._authorized():
            self.close_connection = True  # its body was not read
            self._say(HTTPStatus.FORBIDDEN, "Unauthorized")
            return
        self.connection.settimeout(_IDLE_S)
        try:
            answer()
        except (CallError, forms.FormError) as error:
            self._say(HTTPStatus.BAD_REQUEST, str(error))
        except ClosedError as error:
            self._say(HTTPStatus.SERVICE_UNAVAILABLE, f"the service ends: {error}")

    def _authorized(self) -> bool:
        given = self.headers.get("NESTServerAuth") or self.headers.get("Authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self.server.token)

    def _get(self) -> None:
        facts = self.server.facts
        if self.path == "/":
            self._send({"nest": facts.version, "mpi": facts.ranks > 1, "ranks": facts.ranks, "ends_in_s": facts.left_s})
        elif self.path == "/api":
            self._send(sorted(facts.names))
        elif self.path == "/populations":
            self._send(dict(self.server.populations))
        elif self.path.startswith("/api/"):
            self._call(None)
        else:
            self._elsewhere()

    def _post(self) -> None:
        content = self._content()
        if content is None:
            return
        if self.path.startswith("/api/"):
            self._call(content)
        elif self.path == "/exec" and SCRIPT in self.server.facts.names:
            self._answer(self.server.desk.ask([_script(content)]), lambda answer: {"data": answer.values[0]})
        elif self.path == "/batch":
            self._answer(self.server.desk.ask(_calls(content)), lambda answer: {"answers": answer.values})
        elif self.path == "/stop":
            self.server.desk.close("a client said so")
            self._send({"stopping": True})
        else:
            self._elsewhere()

    def _call(self, content: object) -> None:
        call = _call(self.path.removeprefix("/api/"), content)
        self._answer(self.server.desk.ask([call]), lambda answer: answer.values[0])

    def _elsewhere(self) -> None:
        if self.path == "/exec":
            self._say(HTTPStatus.FORBIDDEN, _EXEC)
        else:
            self._say(HTTPStatus.NOT_FOUND, "there is GET /, /api, /populations and POST /api/CALL, /batch, /stop")

    def _content(self) -> Any:
        """The request's body, decoded; None (told already) where it cannot be read."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _MOST_BYTES:
            self.close_connection = True
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if length.isdecimal() else HTTPStatus.LENGTH_REQUIRED
            self._say(status, f"expected Content-Length of at most {_MOST_BYTES:,} bytes")
            return None
        found = forms.decoded(self.rfile.read(int(length)), _form(self.headers.get("Content-Type")))
        return () if found is None else found

    def _answer(self, answer: Answer, shown: Callable[[Answer], object]) -> None:
        begun = time.perf_counter()
        content = forms.encoded(shown(answer), self._wanted())
        spent = {"nest": answer.nest_s, "ranks": answer.total_s - answer.nest_s, "form": time.perf_counter() - begun}
        timing = ", ".join(f"{name};dur={seconds * 1000:.3f}" for name, seconds in spent.items())
        self._write(HTTPStatus.OK, content, self._wanted(), {"Server-Timing": timing})

    def _wanted(self) -> str:
        """The form of the answer: as asked for, else that of the request."""
        return _form(self.headers.get("Accept") if "msgpack" in self.headers.get("Accept", "") else self.headers.get("Content-Type"))

    def _send(self, value: object) -> None:
        self._write(HTTPStatus.OK, forms.encoded(value, self._wanted()), self._wanted())

    def _say(self, status: HTTPStatus, text: str) -> None:
        self._write(status, text.encode(), "text/plain; charset=utf-8")

    def _write(self, status: HTTPStatus, content: bytes, kind: str, more: Mapping[str, str] | None = None) -> None:
        left = self.server.facts.left_s
        own = {"Content-Type": kind, "Content-Length": str(len(content)), **({} if left is None else {"NESTServer-Ends-In": str(left)})}
        if origin := self._origin():
            own |= {
                "Access-Control-Allow-Origin": origin,
                "Access-Control-Expose-Headers": "Server-Timing, NESTServer-Ends-In",
                "Vary": "Origin",
            }
        self.send_response(status)
        for name, value in {**own, **(more or {})}.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()


def _form(header: str | None) -> str:
    return forms.MSGPACK if header and "msgpack" in header else forms.JSON


def _call(name: object, given: object) -> Call:
    """A call with its arguments in one of NEST Server's forms. Raises FormError."""
    if not isinstance(name, str):
        raise forms.FormError("the name of a call: expected text")
    if given is None or given == ():
        return Call(name)
    if isinstance(given, str):
        return Call(name, (given,))
    if isinstance(given, list | tuple):
        return Call(name, tuple(given))
    if not isinstance(given, Mapping):
        raise forms.FormError(f"{name}: expected a list of arguments, or a map of them by name")
    own = dict(given)
    args = own.pop("args", ())
    return Call(name, tuple(args) if isinstance(args, list | tuple) else (args,), {str(key): value for key, value in own.items()})


def _script(content: object) -> Call:
    """A script in NEST Server's form. Raises FormError."""
    source = content.get("source") if isinstance(content, Mapping) else None
    if not isinstance(source, str):
        raise forms.FormError('expected {"source": TEXT, "return": NAME or [NAME, …]}')
    return Call(SCRIPT, (source, content.get("return") if isinstance(content, Mapping) else None))


def _calls(content: object) -> list[Call]:
    """The calls of a batch. Raises FormError."""
    found = content.get("calls") if isinstance(content, Mapping) else None
    if not isinstance(found, list) or not all(isinstance(one, list) and 1 <= len(one) <= 2 for one in found):
        raise forms.FormError('expected {"calls": [[NAME, ARGUMENTS], …]}')
    return [_call(*one) if len(one) == 2 else _call(one[0], None) for one in found]
