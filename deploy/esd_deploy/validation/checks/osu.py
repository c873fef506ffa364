"""Measures speed with OSU's micro benchmarks, if an image has them. Pure.

Their output, since version 3: `# OSU MPI Latency Test v5.6.2`, a line of headings that begins with `# Size`, then a line for each message
size in bytes. osu_latency prints microseconds one way, osu_bw megabytes (10^6) a second.
"""

import re

from esd_deploy.plans.launch import Shape
from esd_deploy.validation.terms.check import Check, Topic, tags
from esd_deploy.validation.terms.launcher import NEST_S, Launcher
from esd_deploy.validation.terms.observations import NotUnderstoodError, Observations, Output
from esd_deploy.validation.terms.step import Step
from esd_deploy.validation.terms.verdict import Measurement, Verdict, passed, skipped, unknown

_ABSENT = re.compile(r"^no osu_\w+ in the image$", re.MULTILINE)
_VERSION = re.compile(r"^# OSU MPI \w+ Test v(\S+)", re.MULTILINE)
_ROW = re.compile(r"^(\d+)[ \t]+(\d+(?:\.\d+)?)\s*$", re.MULTILINE)
_SMALL = 8
_ROUNDS = {"latency": ("-i", "200", "-x", "20"), "bw": ("-i", "10", "-x", "2")}
"""OSU's default numbers of rounds suit fast networks; over a slow one they take minutes. All versions know these options."""


def osu_node(observed: Observations) -> Verdict:
    """Latency and bandwidth within a node."""
    return _osu(observed.require("osu-latency-node"), observed.require("osu-bw-node"), "within a node")


def osu_nodes(observed: Observations) -> Verdict:
    """Latency and bandwidth between two nodes."""
    return _osu(observed.require("osu-latency-nodes"), observed.require("osu-bw-nodes"), "between nodes")


def _osu(latency: Output, bandwidth: Output, where: str) -> Verdict:
    for output in (latency, bandwidth):
        if output.succeeded and _ABSENT.search(output.stdout):
            return skipped("the image has no OSU benchmarks")
        if not output.succeeded:
            return unknown(f"not measured (exit code {output.code}): {output.last_words}")
    small, large = _rows(latency), _rows(bandwidth)
    if _SMALL not in small:
        raise NotUnderstoodError(f"step '{latency.step}' reports no latency for {_SMALL} bytes")
    most = max(large)
    return passed(
        f"OSU {_version(latency)}: {small[_SMALL]:.2f} µs for {_SMALL} bytes, {large[most]:,.0f} MB/s for {most:,} bytes {where}",
        Measurement(name=f"OSU latency {where}", value=small[_SMALL], unit="µs"),
        Measurement(name=f"OSU bandwidth {where}", value=large[most], unit="MB/s"),
    )


def _rows(output: Output) -> dict[int, float]:
    found = {int(size): float(value) for size, value in _ROW.findall(output.stdout)}
    if not found:
        raise NotUnderstoodError(f"step '{output.step}' printed no values: {output.last_words}")
    return found


def _version(output: Output) -> str:
    found = _VERSION.search(output.stdout)
    if found is None:
        raise NotUnderstoodError(f"step '{output.step}' is not an OSU benchmark: {output.stdout[:80]!r}")
    return found[1]


def _steps(at: Launcher) -> tuple[Step, ...]:
    """A step of one OSU benchmark, which needs exactly two ranks."""
    places = {"node": at.on_one, **({"nodes": Shape(2)} if at.nodes > 1 else {})}
    return tuple(
        Step(f"osu-{kind}-{where}", at.inside(shape, "sh", "esd/osu.sh", f"osu_{kind}", *rounds), NEST_S)
        for where, shape in places.items()
        for kind, rounds in _ROUNDS.items()
    )


TOPIC = Topic(
    steps=_steps,
    checks=(
        Check(
            "osu-node",
            "OSU's benchmarks in a node",
            tags("performance mpi"),
            osu_node,
            ("osu-latency-node", "osu-bw-node"),
            ("wireup-node",),
            quick=False,
        ),
        Check(
            "osu-nodes",
            "OSU's benchmarks between nodes",
            tags("performance mpi"),
            osu_nodes,
            ("osu-latency-nodes", "osu-bw-nodes"),
            ("wireup-nodes",),
            quick=False,
            several_nodes=True,
        ),
    ),
)
