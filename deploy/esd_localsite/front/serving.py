"""How the site's services listen: over TLS only, without naming their software, and with limits on connections."""

from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from esd_localsite.description.config import EndpointConfig
from esd_localsite.front.patience import PromptProtocol

_DRAIN_SECONDS = 3
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
        ssl_certfile=certificate,
        ssl_keyfile=key,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=drain_s,
        http=PromptProtocol,
        limit_concurrency=most,
    )


def serve(config: EndpointConfig, app: ASGIApp) -> None:
    """Answer requests until SIGTERM or SIGINT."""
    told = settings(app, host=config.host, port=config.port, certificate=config.certificate, key=config.private_key, drain_s=_DRAIN_SECONDS)
    uvicorn.Server(told).run()
