"""Orders to a running site: kill or restart one of its daemons. One line of JSON over a socket that only root can use."""

import contextlib
import os
import socket
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from esd_localsite.errors import LocalSiteError
from esd_localsite.state.layout import Layout

_TIMEOUT_S = 10.0
_LONGEST = 4096
DONE = b"done\n"


class Verb(StrEnum):
    """What to do with a daemon."""

    KILL = "kill"
    START = "start"


class Order(BaseModel):
    """One order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    verb: Verb
    daemon: str


def give(layout: Layout, order: Order) -> None:
    """Send an order to the supervisor; returns when it is done. Raises LocalSiteError if nobody listens or the order is refused."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_TIMEOUT_S)
            connection.connect(str(layout.control))
            connection.sendall(order.model_dump_json().encode() + b"\n")
            reply = connection.makefile("rb").readline(_LONGEST)
    except OSError as error:
        raise LocalSiteError(f"the local site '{layout.name}' takes no orders ({layout.control}: {error}): is it up?") from error
    if reply != DONE:
        raise LocalSiteError(f"the local site '{layout.name}' did not {order.verb} '{order.daemon}': {reply.decode().strip()}")


def listen(path: Path) -> socket.socket:
    """The supervisor's end."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o077)
    try:
        listener.bind(str(path))
    finally:
        os.umask(mask)
    listener.listen(4)
    return listener


def receive(listener: socket.socket) -> tuple[Order, socket.socket] | None:
    """The next order, and the connection for the answer; None if the message was not an order."""
    connection, _ = listener.accept()
    connection.settimeout(_TIMEOUT_S)
    try:
        return Order.model_validate_json(connection.makefile("rb").readline(_LONGEST)), connection
    except (OSError, ValidationError):
        with contextlib.suppress(OSError):
            connection.sendall(b"not understood\n")
        connection.close()
        return None
