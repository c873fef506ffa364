"""`python -m esd_localsite.spinnaker`: one emulated board at a loopback address, until it is ended. SIGHUP resets it."""

import argparse
import json
import logging
import signal
import sys
import time
from ipaddress import IPv4Address
from pathlib import Path

from esd_localsite.errors import LocalSiteError
from esd_localsite.spinnaker.board import Board
from esd_localsite.spinnaker.core import require
from esd_localsite.spinnaker.server import Server

_FREE = "free"
_PLACES = [f"127.17.{high}.{low}" for high in range(4) for low in range(2, 255)]


def main(arguments: list[str] | None = None) -> int:
    """Serve. 4 if the address is taken."""
    asked = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="emulated SpiNNaker: %(message)s")
    try:
        server = _server(asked)
    except LocalSiteError as error:
        print(error, file=sys.stderr)
        return 4
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: setattr(server, "stopping", True))
    signal.signal(signal.SIGHUP, lambda *_: setattr(server, "resetting", True))
    if asked.ready:
        asked.ready.write_text(server.board.ip)
    server.serve()
    server.close()
    if asked.report:
        asked.report.write_text(json.dumps(server.board.story() | {"cpu_s": time.process_time()}, indent=1))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m esd_localsite.spinnaker", description="An emulated SpiNNaker board at a loopback address."
    )
    parser.add_argument("--board", type=int, choices=(3, 5), default=3, help="SpiNN-3 (4 chips) or SpiNN-5 (48 chips)")
    parser.add_argument("--ip", type=_loopback, default=_FREE, help="the board's address, 127.…; `free`: one that no other board has")
    parser.add_argument("--ready", type=Path, help="write the address to this file when the board can be booted")
    parser.add_argument("--report", type=Path, help="write at the end what happened, what was missing and what went wrong, as JSON")
    parser.add_argument("--lose", type=_numbers, default=frozenset(), help="which of the host's datagrams get lost, from 1: 3,17 (a fault)")
    return parser


def _server(asked: argparse.Namespace) -> Server:
    """At the address that was asked for, or at the first free one. Raises LocalSiteError."""
    require()
    if asked.ip != _FREE:
        return Server(Board(asked.board, asked.ip), asked.lose)
    for place in _PLACES:
        try:
            return Server(Board(asked.board, place), asked.lose)
        except LocalSiteError:
            continue
    raise LocalSiteError(f"all addresses from {_PLACES[0]} to {_PLACES[-1]} are taken: end an emulated board")


def _loopback(text: str) -> str:
    if text == _FREE:
        return text
    if text == "127.0.0.1":
        raise argparse.ArgumentTypeError("SpiNNMan takes 127.0.0.1 for its own virtual board: give another 127.… address")
    if not IPv4Address(text).is_loopback:
        raise argparse.ArgumentTypeError(f"{text} is no loopback address: an emulated board is for this machine alone")
    return text


def _numbers(text: str) -> frozenset[int]:
    return frozenset(int(part) for part in text.split(","))


if __name__ == "__main__":
    raise SystemExit(main())
