"""`python -m esd_localsite.login --config FILE.json`: serve until SIGTERM or SIGINT, on loopback, over TLS."""

import argparse
import asyncio
import logging
import os
import pwd
import sys
from http import HTTPStatus
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Message, Scope

from esd_localsite.errors import LocalSiteError
from esd_localsite.front.serving import settings
from esd_localsite.login.config import LoginConfig
from esd_localsite.login.service import Door, create_app
from esd_localsite.login.tokens import Signer

_MOST_CONNECTIONS = 500


def main() -> int:
    """Exit code 4 (a tool failed) with one message if it cannot start."""
    parser = argparse.ArgumentParser(prog="esd_localsite.login", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="its configuration (JSON)")
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        config = LoginConfig.read(parser.parse_args().config)
    except LocalSiteError as error:
        print(f"error: {error}", file=sys.stderr)
        return 4
    app = create_app(Door(config.user, config.entry), Signer(Path(config.certificate).read_bytes(), Path(config.key).read_bytes()))
    server = settings(app, host="127.0.0.1", port=config.port, certificate=config.certificate, key=config.key, most=_MOST_CONNECTIONS)
    server.load()
    server.get_loop_factory()  # load the loop's modules now: later the code may be unreadable
    asyncio.run(answer_once(app))
    become(config.account)
    uvicorn.Server(server).run()
    return 0


async def answer_once(app: ASGIApp) -> None:
    """Load everything that answering needs: later the code may be unreadable."""
    status: list[object] = []
    query = b"scope=repository:a:pull"
    scope: Scope = {"type": "http", "method": "GET", "path": "/token", "query_string": query, "headers": [], "client": None}

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        status.append(message.get("status"))

    await app(scope, receive, send)
    if HTTPStatus.OK not in status:
        raise AssertionError("the token service cannot answer its own test request")


def become(account: str | None) -> None:
    """Drop root's rights for good."""
    if account is not None:
        entry = pwd.getpwnam(account)
        os.setgroups(())
        os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
        os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)


if __name__ == "__main__":
    sys.exit(main())
