"""`python3 -m esd_nest_server`, on every rank of a job: starts NEST, serves it on the first rank, ends in order."""

import argparse
import json
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from esd_nest_server.desk import Desk
from esd_nest_server.ending import Limits, obey_signals, saved, watch
from esd_nest_server.kernel import Call, Kernel
from esd_nest_server.team import CallError, Team, Wire
from esd_nest_server.web import Facts, Server

_SHORTEST_TOKEN = 16


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="esd_nest_server", description=__doc__)
    parser.add_argument("--host", help="the address to listen on; default: this node's own")
    parser.add_argument("--port", type=int, default=0, help="default: one that is free")
    parser.add_argument("--folder", type=Path, default=Path("esd/service"), help="where token, address.json and the wish to stop are")
    parser.add_argument("--network", help="a script that every rank runs first; its global variables with nodes become populations")
    parser.add_argument("--threads", type=int, default=1, help="threads of NEST in each rank")
    parser.add_argument("--time-s", type=int, help="the job's time limit, counted from $ESD_JOB_BEGAN")
    parser.add_argument("--warn-s", type=float, default=120, help="seconds before the limit when it warns")
    parser.add_argument("--save-s", type=float, default=20, help="seconds before the limit when it stops and saves")
    parser.add_argument("--grace-s", type=float, default=30, help="seconds that a rank whose call failed waits for the others")
    parser.add_argument("--data", type=Path, default=Path("recorders.npz"), help="where the recorders' events are saved at the end")
    parser.add_argument("--scripts", action="store_true", help="run the scripts that clients send: they can do whatever you can")
    parser.add_argument("--origin", action="append", default=[], help="pages from here may ask from a browser (NEST Desktop's address)")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """The program of every rank; returns its exit code."""
    import nest  # noqa: PLC0415 - starts MPI
    from mpi4py import MPI  # type: ignore[import-not-found]  # noqa: PLC0415

    from esd_nest_server.wire import MpiWire  # noqa: PLC0415 - mpi4py's types

    given = options(arguments)
    return run(given, nest, MpiWire(MPI.COMM_WORLD.Dup(), MPI.MAX, given.grace_s))


def run(given: argparse.Namespace, nest: Any, wire: Wire) -> int:
    """Serve until the end. Returns 1 where the network could not be built: then no rank serves."""
    kernel = Kernel(nest, scripts=given.scripts)
    failure = _built(given, nest, kernel)
    if wire.any_failed(failed=failure is not None):
        if failure:
            _say(f"rank {wire.rank}: {failure}")
        return 1
    team = Team(wire, kernel)
    if wire.rank:
        obey_signals(None)
        team.follow()
        return 0
    return _serve(given, team)


def _built(given: argparse.Namespace, nest: Any, kernel: Kernel) -> str | None:
    """Prepares NEST on this rank; the reason where that failed."""
    try:
        nest.set(local_num_threads=given.threads)
        nest.verbosity = nest.VerbosityLevel.WARNING  # else six lines for each step
        if given.network:
            kernel.load(given.network)
    except Exception as error:  # noqa: BLE001 - a script of the user's may raise anything
        return f"{given.network or 'NEST'}: {type(error).__name__}: {error}"
    return None


def _serve(given: argparse.Namespace, team: Team) -> int:
    desk, ends_at = Desk(), end_of_job(given.time_s)
    facts = Facts(team.kernel.version, team.wire.size, team.kernel.names, ends_at, frozenset(given.origin))
    folder = given.folder
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    server = Server((given.host or own_address(), given.port), token_of(folder / "token"), desk, facts, team.kernel.sizes)
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    obey_signals(desk)
    watch(desk, Limits(ends_at, given.warn_s, given.save_s), folder / "stop", _say)
    announce(folder / "address.json", server, facts)
    host, port = server.server_address[:2]
    _say(f"NEST {facts.version} on {facts.ranks} ranks serves at http://{host!s}:{port}; the token is in {folder / 'token'}")
    try:
        desk.serve(team.ask)
        _say(f"stops: {desk.reason}")
        _save(team, given.data)
    finally:
        for name in ("address.json", "token"):
            (folder / name).unlink(missing_ok=True)
        server.shutdown()
    team.end()
    return 0


def _save(team: Team, place: Path) -> None:
    """After Cleanup, which writes out what recorders hold."""
    try:
        if team.ask([Call("GetKernelStatus", ("prepared",))]).values[0]:
            team.ask([Call("Cleanup")])
    except CallError as error:
        _say(f"not cleaned up: {error}")
    if count := saved(team, place):
        _say(f"saved the events of {count} recorders in {place}")


def end_of_job(time_s: int | None) -> float | None:
    """In seconds since 1970: as Slurm says, else counted from the job's begin."""
    if told := os.environ.get("SLURM_JOB_END_TIME"):
        return float(told)
    return None if time_s is None else float(os.environ.get("ESD_JOB_BEGAN") or time.time()) + time_s


def token_of(place: Path) -> str:
    """The token in the file, which nobody but its owner may read; a new file with a new token where there is none.

    Raises SystemExit for a file that others may read, or with too short a token.
    """
    try:
        with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32))
    except FileExistsError:
        pass
    if place.is_symlink() or place.stat().st_mode & 0o077 or place.stat().st_uid != os.getuid():
        raise SystemExit(f"{place}: others may read it; a token's file belongs to you and has mode 0600")
    token = place.read_text(encoding="ascii").strip()
    if len(token) < _SHORTEST_TOKEN:
        raise SystemExit(f"{place}: expected a token of at least {_SHORTEST_TOKEN} characters")
    return token


def own_address() -> str:
    """This node's address for others. Raises SystemExit where its name leads to itself only."""
    for name in (os.environ.get("SLURMD_NODENAME"), socket.gethostname()):
        try:
            found = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM) if name else []
        except OSError:
            continue
        for *_, place in found:
            if not str(place[0]).startswith("127."):
                return str(place[0])
    raise SystemExit("no address of this node is known to others; give one with --host")


def announce(place: Path, server: Server, facts: Facts) -> None:
    """Write address and end where the client looks for them, whole or not at all."""
    host, port = server.server_address[:2]
    known = {"host": host, "port": port, "ranks": facts.ranks, "nest": facts.version, "ends_at": facts.ends_at}
    part = place.with_suffix(".part")
    part.write_text(json.dumps(known), encoding="utf-8")
    part.replace(place)


def _say(text: str) -> None:
    print(f"nest-server: {text}", file=sys.stderr, flush=True)
