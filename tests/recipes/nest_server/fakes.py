"""A NEST of plain Python for each rank, and threads as ranks."""

import threading
from types import SimpleNamespace

import numpy

from esd_nest_server.kernel import Kernel
from esd_nest_server.team import Team

DEFAULTS = {
    "iaf": {"V_m": -70.0, "C_m": 250.0},
    "generator": {"rate": 0.0, "spike_times": []},
    "recorder": {},
}
KINDS = {"iaf": "neuron", "generator": "stimulator", "recorder": "recorder"}


class NodeCollection:
    def __init__(self, numbers, nest=None):
        self._datum = list(numbers)
        self.nest = nest or FakeNest.of_this_thread()
        if any(number > len(self.nest.nodes) for number in self._datum):
            raise ValueError("All node IDs in NodeCollection must exist")

    def __len__(self):
        return len(self._datum)

    def __getitem__(self, place):
        return NodeCollection([self._datum[place]], self.nest)

    def tolist(self):
        return list(self._datum)

    def get(self, key):
        return self.nest.nodes[self._datum[0] - 1][key]

    def set(self, params):
        """As NEST: only the owner looks at what it is given."""
        for place, number in enumerate(self._datum):
            node = self.nest.nodes[number - 1]
            if self.nest.owns(number):
                given = params[place] if isinstance(params, list) else params
                if given.get("C_m", 1) <= 0:
                    raise ValueError("C_m must be > 0")
                node.update(given)


class SynapseCollection:
    """Its `get` and `set` are left out: they are collective where there are connections, and not where there are none."""

    def __init__(self, rows):
        self._datum = rows

    def __len__(self):
        return len(self._datum)


class FakeNest:
    """One rank's. Each neuron spikes once a millisecond; node n belongs to rank n modulo the ranks, devices to all."""

    _here = threading.local()
    NodeCollection = NodeCollection
    SynapseCollection = SynapseCollection
    VerbosityLevel = SimpleNamespace(WARNING=30)

    def __init__(self, rank=0, size=1):
        self.rank, self.size = rank, size
        self.collective = 0
        self.nodes, self.connections, self.time, self.prepared, self.cleaned = [], [], 0.0, False, 0
        self.calls = []
        self.settings = {}
        self.ll_api = SimpleNamespace(
            nestkernel=SimpleNamespace(
                llapi_get_nc_status=self._status,
                llapi_get_connection_status=lambda rows: [dict(row) for row in rows],
                llapi_set_connection_status=lambda rows, params: [row.update(params) for row in rows],
            )
        )
        self._here.nest = self

    @classmethod
    def of_this_thread(cls):
        return cls._here.nest

    def owns(self, number):
        node = self.nodes[number - 1]
        return node["element_type"] != "neuron" or number % self.size == self.rank

    def set(self, **settings):
        self.settings |= settings

    def Create(self, model, n=1, params=None):  # noqa: N802 - NEST's names
        first = len(self.nodes) + 1
        for number in range(first, first + n):
            self.nodes.append({"global_id": number, "model": model, "element_type": KINDS[model], **DEFAULTS[model], **(params or {})})
            if model == "recorder":
                self.nodes[-1] |= {
                    "record_to": "memory",
                    "n_events": 0,
                    "events": {"times": numpy.zeros(0), "senders": numpy.zeros(0, int)},
                }
        return NodeCollection(range(first, first + n), self)

    def Connect(self, pre, post):  # noqa: N802
        for target in post.tolist():
            for source in pre.tolist():
                if self.owns(target):
                    self.connections.append({"source": source, "target": target, "synapse_model": "static", "delay": 1.0, "weight": 1.0})

    def GetConnections(self, source=None, target=None):  # noqa: N802
        rows = [
            row
            for row in reversed(self.connections)  # an order of its own
            if (source is None or row["source"] in source.tolist()) and (target is None or row["target"] in target.tolist())
        ]
        return SynapseCollection(rows)

    @property
    def build_info(self):
        self.collective += 1
        return {"version": "3.10.0"}

    @property
    def T_max(self):  # noqa: N802
        self.collective += 1
        return 1e9

    def GetKernelStatus(self):  # noqa: N802
        self.collective += 1
        own = {"network_size": len(self.nodes), "num_connections": len(self.connections), "biological_time": self.time}
        return {**own, "prepared": self.prepared, "num_processes": self.size, "time_simulate": self.rank + 1.0}

    def GetDefaults(self, model):  # noqa: N802
        return dict(DEFAULTS[model])

    def GetNodes(self, properties):  # noqa: N802
        [(key, value)] = properties.items()
        return NodeCollection([node["global_id"] for node in self.nodes if node[key] == value], self)

    def Prepare(self):  # noqa: N802
        self.prepared = True

    def Run(self, t):  # noqa: N802
        neurons = [node["global_id"] for node in self.nodes if node["element_type"] == "neuron" and self.owns(node["global_id"])]
        for recorder in (node for node in self.nodes if node["element_type"] == "recorder"):
            times = numpy.repeat(self.time + 1 + numpy.arange(int(t)), len(neurons))
            senders = numpy.tile(numpy.array(neurons[::-1], int), int(t))
            old = recorder["events"]
            recorder["events"] = {"times": numpy.append(old["times"], times), "senders": numpy.append(old["senders"], senders)}
            recorder["n_events"] += len(times)
        self.time += t

    def Cleanup(self):  # noqa: N802
        if not self.prepared:
            raise RuntimeError("Cleanup without Prepare")
        self.prepared, self.cleaned = False, self.cleaned + 1

    def ResetKernel(self):  # noqa: N802
        self.nodes.clear()

    def Rank(self):  # noqa: N802
        return self.rank

    def Unlucky(self, rank):  # noqa: N802 - fails on one rank only
        if self.rank == rank:
            raise MemoryError("no room")
        self.calls.append("Unlucky")

    def _status(self, numbers):
        """Columns, with None where another rank is the owner."""
        found = []
        for number in numbers:
            node = self.nodes[number - 1]
            known = node if self.owns(number) else {name: node[name] for name in ("global_id", "model", "element_type")}
            found.append({**known, "local": self.owns(number)})
        names = {name for one in found for name in one}
        return {name: [one.get(name) for one in found] for name in names}


class Ranks:
    """What n threads share: each value that they exchange."""

    def __init__(self, size):
        self.size = size
        self.values = [None] * size
        self._barrier = threading.Barrier(size)

    def all(self, rank, value):
        self.values[rank] = value
        self._barrier.wait(20)
        found = list(self.values)
        self._barrier.wait(20)
        return found


class ThreadWire:
    def __init__(self, rank, ranks):
        self.rank, self.size, self._ranks = rank, ranks.size, ranks

    def order(self, order=None):
        return self._ranks.all(self.rank, order)[0]

    def any_failed(self, *, failed):
        return any(self._ranks.all(self.rank, failed))

    def gather(self, value):
        found = self._ranks.all(self.rank, value)
        return None if self.rank else found


class Cluster:
    """`size` ranks, of which this thread is the first."""

    def __init__(self, size):
        ranks = Ranks(size)
        self.others = [threading.Thread(target=self._follow, args=(rank, ranks), daemon=True) for rank in range(1, size)]
        self.nests = [None] * size
        for thread in self.others:
            thread.start()
        self.nests[0] = FakeNest(0, size)
        self.team = Team(ThreadWire(0, ranks), Kernel(self.nests[0], scripts=True))

    def _follow(self, rank, ranks):
        self.nests[rank] = FakeNest(rank, ranks.size)
        Team(ThreadWire(rank, ranks), Kernel(self.nests[rank], scripts=True)).follow()

    def end(self):
        self.team.end()
        for thread in self.others:
            thread.join(20)
            assert not thread.is_alive()
        assert len({getattr(nest, "collective", None) for nest in self.nests}) == 1, (
            "some ranks asked for the kernel's status, and others did not"
        )
