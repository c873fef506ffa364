"""How the site's services listen: over TLS only, without naming their software, and with limits on connections."""

import ssl
from pathlib import Path
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp

from esd_localsite.description.config import EndpointConfig
from esd_localsite.front.doorway import behind_doorway
from esd_localsite.front.pace import Pace
from esd_localsite.front.switching import SwitchingProtocol

_DRAIN_SECONDS = 3
_HANDSHAKES_PER_S = 40
_HANDSHAKES_AT_ONCE = 300
"""For each address. A handshake takes one to three milliseconds of the interpreter's time."""
_KEEP_S = 20
"""How long a connection stays open between two requests. In this time, one address cannot begin as many as there may be."""
MOST_CONNECTIONS = 4000
"""Most connections; beyond that the answer is 503."""


def settings(
    app: ASGIApp,
    *,
    host: str,
    port: int,
    certificate: str | Path,
    key: str | Path,
    most: int = MOST_CONNECTIONS,
    drain_s: int | None = None,
) -> uvicorn.Config:
    """uvicorn's settings. `most`: connections at once; `drain_s`: seconds that open requests get at the end (None: no limit)."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=drain_s,
        http=cast("Any", behind_doorway(SwitchingProtocol, _tls(certificate, key), Pace(_HANDSHAKES_PER_S, _HANDSHAKES_AT_ONCE))),
        limit_concurrency=most,
        timeout_keep_alive=_KEEP_S,
    )


def _tls(certificate: str | Path, key: str | Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def serve(config: EndpointConfig, app: ASGIApp) -> None:
    """Answer requests until SIGTERM or SIGINT."""
    told = settings(app, host=config.host, port=config.port, certificate=config.certificate, key=config.private_key, drain_s=_DRAIN_SECONDS)
    uvicorn.Server(told).run()
