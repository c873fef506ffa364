"""The network's side: a balanced random network in NEST, whose spikes go to Arbor after every interval.

First program of a run with `--component`; needs the image nest-arbor, whose NEST takes a communicator of its own.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
from meeting import Meeting, meet, own_communicator, together
from remote import SPIKE, Epoch, Remote, RemoteError
from settings import NetworkSettings, network_settings, terms_of
from terms import NETWORK

OFF_GRID_MS = 0.0125
"""NEST's spikes lie on multiples of its step, which are multiples of Arbor's. Rounding would then decide into which of two steps of Arbor
an event falls. Moved by half of Arbor's step, each event lies safely inside one."""


class Network:
    """The network on this rank's share of neurons; NEST is imported only here, after its communicator is known."""

    def __init__(self, settings: NetworkSettings, ranks: int) -> None:
        os.environ["PYNEST_QUIET"] = "1"
        import nest  # noqa: PLC0415 - it reads the variable

        if nest.num_processes != ranks:
            sys.exit(f"NEST counts {nest.num_processes} ranks, the network has {ranks}: run it from the image nest-arbor")
        self.nest = nest
        nest.set_verbosity("M_ERROR")
        nest.set(resolution=settings.step_ms, local_num_threads=settings.threads, rng_seed=settings.seed, overwrite_files=True)
        self._build(settings)
        self.recorder = nest.Create("spike_recorder")
        nest.Connect(self.neurons, self.recorder)
        self.doors = nest.Create("spike_generator", settings.feedback) if settings.feedback else None
        self._due = [np.empty(0)] * settings.feedback
        if self.doors:
            rule = {"rule": "fixed_outdegree", "outdegree": settings.neurons // 10}
            nest.Connect(self.doors, self.neurons, rule, {"weight": settings.feedback_weight_pa, "delay": settings.step_ms})

    def _build(self, settings: NetworkSettings) -> None:
        nest = self.nest
        neuron = {"tau_syn_ex": 0.5, "tau_syn_in": 0.5, "V_th": -50.0, "E_L": -65.0, "V_reset": -65.0}
        exciting = nest.Create("iaf_psc_exp", settings.excitatory, neuron)
        calming = nest.Create("iaf_psc_exp", settings.inhibitory, neuron)
        self.neurons = exciting + calming
        self.neurons.V_m = nest.random.uniform(-65.0, -50.0)
        noise = nest.Create("poisson_generator", params={"rate": 11000.0})
        nest.Connect(noise, self.neurons, syn_spec={"weight": 80.0, "delay": 1.5})
        few = settings.inputs // 5
        nest.Connect(exciting, self.neurons, {"rule": "fixed_indegree", "indegree": settings.inputs - few}, {"weight": 30.0, "delay": 1.5})
        nest.Connect(calming, self.neurons, {"rule": "fixed_indegree", "indegree": few}, {"weight": -180.0, "delay": 1.5})

    def advance(self, interval_ms: float) -> None:
        self.nest.Simulate(interval_ms)

    def spikes(self) -> np.ndarray:
        """Those of this rank since the last time, by number of neuron (from 0) and time in ms."""
        events = self.recorder.events
        found = np.zeros(len(events["times"]), SPIKE)
        found["gid"], found["time_ms"] = np.asarray(events["senders"]) - 1, events["times"]
        self.recorder.n_events = 0
        return found

    def hear(self, heard: np.ndarray, delay_ms: float) -> None:
        """Spikes of the cells: each enters by the door of its cell, `delay_ms` after the cell fired."""
        now, step = self.nest.biological_time, self.nest.resolution
        for cell, door in enumerate(self.doors):
            new = np.round((heard["time_ms"][heard["gid"] == cell] + delay_ms) / step) * step
            # A generator forgets its old times when it gets new ones.
            due = np.union1d(self._due[cell][self._due[cell] > now + step / 2], new)
            if len(due) or len(self._due[cell]):
                door.set({"spike_times": due})
            self._due[cell] = due


def gathered(meeting: Meeting, mine: np.ndarray) -> np.ndarray | None:
    """All ranks' spikes on rank 0, sorted by time."""
    if meeting.local.size == 1:
        return mine
    shares = meeting.local.gather(mine)
    return np.concatenate(shares) if shares is not None else None


class Exchange:
    """What rank 0 says to Arbor after each interval, and what it keeps of it."""

    def __init__(self, meeting: Meeting) -> None:
        self.remote = Remote(meeting.inter)
        self.terms = meeting.terms
        self.sent: list[np.ndarray] = []
        self.heard: list[np.ndarray] = []

    def after(self, interval: int, spikes: np.ndarray) -> bool:
        """Exchange one interval; False if the cells are through."""
        width = self.terms.interval_ms
        mine = Epoch(interval * width, (interval + 1) * width)
        theirs = self.remote.control(mine)
        if theirs is None:
            return False
        # Arbor's delays are of single precision, so its epochs drift by 1e-8 of their length, and the last one may be a short rest.
        if abs(theirs.begin_ms - mine.begin_ms) > 1e-3 * width:
            raise RemoteError(
                f"the cells finished {theirs.begin_ms:g} to {theirs.end_ms:g} ms, the network {mine.begin_ms:g} to {mine.end_ms:g}"
            )
        outgoing = spikes.copy()
        outgoing["time_ms"] += OFF_GRID_MS
        self.heard.append(self.remote.spikes(outgoing))
        self.sent.append(spikes)
        return True


class Clock:
    """How long each part of each interval took, in seconds."""

    def __init__(self) -> None:
        self.parts: dict[str, list[float]] = {}

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        self.parts.setdefault(part, []).append(time.perf_counter() - begin)

    def summary(self) -> dict[str, dict[str, float]]:
        """Sum in seconds; median, 95th and 99th percentile in microseconds."""
        found = {}
        for part, times in self.parts.items():
            low, high, top = (float(one) * 1e6 for one in np.percentile(times, (50, 95, 99)))
            found[part] = {"sum_s": round(sum(times), 4), "median_us": round(low, 1), "p95_us": round(high, 1), "p99_us": round(top, 1)}
        return found


def run(meeting: Meeting, network: Network, settings: NetworkSettings) -> dict[str, object]:
    """All intervals, then the drain; returns what rank 0 writes."""
    clock, terms = Clock(), meeting.terms
    exchange = Exchange(meeting) if meeting.inter is not None else None
    heard = np.empty(0, SPIKE)
    begin = time.perf_counter()
    for interval in range(terms.intervals):
        with clock.timed("network"):
            if settings.feedback:
                network.hear(heard, terms.delay_ms)
            network.advance(terms.interval_ms)
        with clock.timed("spikes"):
            every = gathered(meeting, network.spikes())
        with clock.timed("exchange"):
            if exchange is not None and not exchange.after(interval, every):
                raise RemoteError(f"the cells ended before interval {interval + 1} of {terms.intervals}")
        if settings.feedback:
            heard = meeting.local.bcast(exchange.heard[-1] if exchange is not None else None)
    coupled_s = time.perf_counter() - begin
    if exchange is None:
        return {}
    rest = 0
    while exchange.after(terms.intervals + rest, np.empty(0, SPIKE)):
        rest += 1
    sent, back = np.concatenate(exchange.sent), np.concatenate(exchange.heard)
    np.savez("spikes.npz", senders=sent["gid"], times=sent["time_ms"], cells=back["gid"], cell_times=back["time_ms"])
    return {
        "settings": asdict(settings),
        "ranks": meeting.local.size,
        "sent": len(sent),
        "sum_of_senders": int((sent["gid"].astype(np.int64) + 1).sum()),
        "heard": len(back),
        "rate_hz": round(len(sent) / settings.neurons / settings.duration_ms * 1000, 2),
        "coupled_s": round(coupled_s, 3),
        "exchanges": len(exchange.sent),
        "parts": clock.summary(),
    }


def main() -> None:
    local = own_communicator(NETWORK)
    os.environ["NEST_COMMUNICATOR"] = str(local.py2f())
    settings = network_settings()
    meeting = meet(local, terms_of(NETWORK, settings))
    network = Network(settings, local.size)
    local.Barrier()  # building is not part of the measured time
    found = run(meeting, network, settings)
    if found:
        Path("network.json").write_text(json.dumps(found, indent=2) + "\n")
        print(json.dumps({name: found[name] for name in ("sent", "heard", "rate_hz", "coupled_s")}))


if __name__ == "__main__":
    with together(NETWORK):
        main()
