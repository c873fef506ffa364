"""Finds out which transports MPI used, from the verbose output of UCX and Open MPI. Pure.

UCX: `ucp_context_0 intra-node cfg#1 tag(sysv/memory cma/memory)`; Open MPI: `mca: bml: Using sm btl for send to …`,
`select: component ucx selected`.
"""

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["memory", "infiniband", "slingshot", "tcp", "other"]

# Longest names first: the first one that a transport's name begins with decides.
_KINDS: tuple[tuple[str, Kind], ...] = (
    *((name, "memory") for name in ("self", "sm", "sysv", "posix", "cma", "knem", "xpmem", "vader", "memory")),
    *((name, "infiniband") for name in ("rc", "dc", "ud", "mlx5", "ib", "openib", "gga")),
    *((name, "slingshot") for name in ("ofi", "cxi", "ugni")),
    ("tcp", "tcp"),
)
_UCX = re.compile(r"(intra|inter)-node cfg#\d+ (.*)$", re.MULTILINE)
_UCX_NAMES = re.compile(r"\b([a-z0-9_]+)/[\w:.-]+")
_BTL = re.compile(r"\[([\w.-]+):\d+\] mca: bml: Using (\w+) btl for send to \S+ on node ([\w.-]+)")
_SELECTED = re.compile(r"select: component (\w+) selected")
_MTL = re.compile(r"mtl:\w*:? ?\w* ?.*(?:component|mtl) (ofi|psm2|portals4) selected", re.IGNORECASE)


@dataclass(frozen=True)
class Transports:
    """MPI's names of its transports, and of the upper layer that chose them; empty if it printed none."""

    layer: str
    names: frozenset[str]
    errors: tuple[str, ...] = ()

    @property
    def kinds(self) -> frozenset[Kind]:
        return frozenset(kind_of(name) for name in self.names)


def kind_of(name: str) -> Kind:
    """The medium of a transport: `rc_mlx5` → infiniband."""
    return next((kind for start, kind in _KINDS if re.match(rf"{start}(?![a-z])", name)), "other")


def transports(text: str, *, between_nodes: bool) -> Transports:
    """The transports between ranks, within a node or between nodes, from the log of a step in which all ranks exchanged messages."""
    layer = next(iter(_SELECTED.findall(text)), "")
    if layer == "ucx":
        where = "inter" if between_nodes else "intra"
        names = {name for found, rest in _UCX.findall(text) if found == where for name in _UCX_NAMES.findall(rest)}
    elif layer == "cm":
        names = {name.lower() for name in _MTL.findall(text)}
    else:
        names = {name for host, name, peer in _BTL.findall(text) if name != "self" and (host != peer) == between_nodes}
    errors = tuple(dict.fromkeys(re.findall(r"UCX  ERROR\s+(.*)$", text, re.MULTILINE)))
    return Transports(layer, frozenset(names), errors[:3])
