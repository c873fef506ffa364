"""The brain of the loop: over HTTP in a service, or NEST in this very process, to compare with."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

RESOLUTION_MS = 0.1


def rate_from(now_ms: float, rate: float) -> dict[str, list[float]]:
    """What an `inhomogeneous_poisson_generator` is told, so that it has this rate (spikes/s) from now on."""
    return {"rate_times": [round(now_ms + RESOLUTION_MS, 1)], "rate_values": [rate]}


class ServedBrain:
    """By a client of the service (`esd_deploy.services.nest_client`): one request for each step."""

    def __init__(self, client: Any, batch: type, sinks: Sequence[str]) -> None:
        self._client = client
        self._batch = batch
        self._sinks = sinks
        self._now_ms = float(client.call("GetKernelStatus", "biological_time"))
        self.spent_ms: Mapping[str, float] = {}

    def step(self, duration_ms: float, rates: Mapping[str, float]) -> Mapping[str, float]:
        """Set the rates of the sources, simulate, read the sinks."""
        calls = self._batch()
        for source, rate in rates.items():
            calls.add("SetStatus", source, rate_from(self._now_ms, rate))
        calls.add("Run", duration_ms)
        for sink in self._sinks:
            calls.add("GetStatus", sink, "V_m")
        answers = self._client.run(calls)
        self._now_ms += duration_ms
        self.spent_ms = self._client.spent_ms
        return {sink: float(value[0]) for sink, value in zip(self._sinks, answers[len(rates) + 1 :], strict=True)}


class OwnBrain:
    """NEST in this process; `nodes`: the nodes of each source and sink by name."""

    def __init__(self, nest: Any, nodes: Mapping[str, Any], sinks: Sequence[str]) -> None:
        self._nest = nest
        self._nodes = nodes
        self._sinks = sinks
        self.spent_ms: Mapping[str, float] = {}

    def step(self, duration_ms: float, rates: Mapping[str, float]) -> Mapping[str, float]:
        """As in the service, without the service. A sink of another rank reads 0."""
        begun = time.perf_counter()
        for source, rate in rates.items():
            self._nodes[source].set(rate_from(self._nest.biological_time, rate))
        self._nest.Run(duration_ms)
        found = {sink: float(self._nodes[sink].get("V_m") or 0.0) if self._nodes[sink].local else 0.0 for sink in self._sinks}
        self.spent_ms = {"nest": (time.perf_counter() - begun) * 1000}
        return found
