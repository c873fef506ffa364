"""Tunnels through the front: a connection that the server took out of HTTP, joined to the client's."""

import contextlib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Self

import httpcore
import httpx
from starlette.requests import Request

from esd_localsite.unicore.tunnels import MOST, PIECE, Stream, SwitchedAnswer, Tunnels

_LIMITS = httpx.Limits(max_connections=MOST, max_keepalive_connections=0)
"""A connection that left HTTP needs no thread of the server."""


@dataclass(frozen=True)
class Upgraded:
    """The server's end of a connection that left HTTP."""

    answer: httpx.Response
    stream: httpcore.AsyncNetworkStream

    async def read(self) -> bytes:
        with _network_errors():
            return await self.stream.read(PIECE)

    async def write(self, data: bytes) -> None:
        with _network_errors():
            await self.stream.write(data)

    async def close(self) -> None:
        await self.answer.aclose()


@contextlib.contextmanager
def _network_errors() -> Iterator[None]:
    """httpcore's errors as the kernel's, which a tunnel expects."""
    try:
        yield
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise ConnectionError(str(error)) from error


@dataclass(frozen=True)
class Tunnelling:
    """Passes tunnels on: `transport` has connections for nothing else."""

    tunnels: Tunnels
    transport: httpx.AsyncBaseTransport

    @classmethod
    def to(cls, trust: ssl.SSLContext) -> Self:
        """Tunnels to a server whose certificate `trust` accepts. The server tells users apart; the front only counts."""
        return cls(Tunnels(most_each=MOST), httpx.AsyncHTTPTransport(verify=trust, limits=_LIMITS, trust_env=False))

    def answer(self, request: Request, answer: httpx.Response) -> SwitchedAnswer:
        return SwitchedAnswer(self.tunnels, request.client.host if request.client else "", partial(_upgraded, answer))


async def _upgraded(answer: httpx.Response) -> Stream:
    return Upgraded(answer, answer.extensions["network_stream"])
