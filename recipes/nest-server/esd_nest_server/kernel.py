"""The calls of NEST that clients may make, on one rank: the only module that knows PyNEST (of NEST 3.10).

NEST's GetKernelStatus is collective: before the first simulation it waits for all ranks. So nothing here may call it on some ranks only,
nor PyNEST's functions that do so where a rank has connections, and not where it has none (`get` and `set` of a SynapseCollection).
"""

import inspect
import runpy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy

from esd_nest_server.shares import Share

_OBJECTS = frozenset({"nodes", "nodes_or_conns", "conns", "pre", "post", "third", "source", "target"})
"""Parameters that take nodes or connections, which a client names by numbers or by a population's name."""
_NEEDED = ("element_type", "local")
SCRIPT = "ExecuteScript"
"""The call that runs a script on every rank, where the service allows it."""


@dataclass(frozen=True)
class Call:
    """One call: the name of a function of NEST, its arguments by place and by name."""

    name: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)


class Kernel:
    """NEST in this process, which is one rank; made on all ranks at once, before there is a network. `names`: the functions.

    `populations`: names that stand for nodes in arguments; `sizes`: how many nodes each has. `scripts`: clients may send scripts.
    """

    def __init__(self, nest: Any, *, scripts: bool = False) -> None:
        self._nest = nest
        self.version = str(nest.build_info["version"])  # asks for the kernel's status
        self.populations: dict[str, Any] = {}
        self.sizes: dict[str, int] = {}
        self._own: dict[str, Callable[..., Share]] = {
            "GetStatus": self._get_status,
            "SetStatus": self._set_status,
            "GetConnections": self._get_connections,
            "GetKernelStatus": self._get_kernel_status,
            "ResetKernel": self._reset_kernel,
            "NamePopulation": self._name_population,
            **({SCRIPT: self._execute} if scripts else {}),
        }
        self.names = frozenset({*self._own, *_functions(nest)})

    def call(self, call: Call) -> Share:
        """This rank's share of the answer. Raises what NEST raises, LookupError for an unknown function."""
        if call.name not in self.names:
            raise LookupError(f"NEST has no function '{call.name}' that may be called; GET /api lists them")
        function = self._own.get(call.name) or getattr(self._nest, call.name)
        parameters = list(inspect.signature(function).parameters)
        args = [self._objects(parameters[place] if place < len(parameters) else "", one) for place, one in enumerate(call.args)]
        kwargs = {name: self._objects(name, one) for name, one in call.kwargs.items()}
        answer = function(*args, **kwargs)
        return answer if isinstance(answer, Share) else self._share(answer)

    def load(self, script: str) -> None:
        """Run a script of the user; each of its global variables that holds nodes becomes a population of that name."""
        found = runpy.run_path(script, run_name="network")
        for name, value in found.items():
            if isinstance(value, self._nest.NodeCollection):
                self._name_population(name, value)

    def _execute(self, script: str, names: str | Sequence[str] | None = None) -> Share:
        """Run a script of the client; the answer is what its variables `names` hold. Names of nodes that it knew before are forgotten."""
        space: dict[str, Any] = {"__name__": "script", "nest": self._nest, "numpy": numpy, "np": numpy}
        self.populations.clear()
        self.sizes.clear()
        try:
            exec(compile(script, "script", "exec"), space)  # noqa: S102 - the user asked for it (serve --scripts)
        except SystemExit as error:
            raise RuntimeError(f"the script ended itself (exit code {error.code})") from error
        if names is None or isinstance(names, str):
            return Share("spread", self._plain(space.get(names or "")))
        return Share("spread", {name: self._plain(space.get(name)) for name in names})

    def _share(self, answer: Any) -> Share:
        if isinstance(answer, self._nest.SynapseCollection):
            return Share("connections", self._columns(answer))
        return Share("same", self._plain(answer))

    def _plain(self, value: Any) -> Any:
        """Nodes as their numbers, anywhere in an answer."""
        if isinstance(value, self._nest.NodeCollection):
            return value.tolist()
        if isinstance(value, Mapping):
            return {name: self._plain(one) for name, one in value.items()}
        return [self._plain(one) for one in value] if isinstance(value, list | tuple) else value

    def _objects(self, parameter: str, value: Any) -> Any:
        """What a client's numbers or name stand for, where the parameter takes nodes or connections."""
        if parameter not in _OBJECTS or value is None:
            return value
        if isinstance(value, str):
            if value not in self.populations:
                raise LookupError(f"no population '{value}'; GET /populations lists them")
            return self.populations[value]
        if isinstance(value, Mapping):
            found = value.get("connections")
            if found is None:
                raise TypeError(f'{parameter}: expected numbers, a population\'s name, or {{"connections": {{…}}}}')
            return self._nest.GetConnections(**{name: self._objects(name, one) for name, one in found.items()})
        return self._nest.NodeCollection([int(one) for one in ([value] if isinstance(value, int) else value)])

    def _get_status(self, nodes_or_conns: Any, keys: str | Sequence[str] | None = None) -> Share:
        """NEST's own fails over REST in 3.10, and answers what one rank knows."""
        if isinstance(nodes_or_conns, self._nest.SynapseCollection):
            columns = self._columns(nodes_or_conns)
            return Share("connections", columns, list(columns) if keys is None else keys)
        if len(nodes_or_conns) == 0:
            return Share("same", [])
        found = self._nest.ll_api.nestkernel.llapi_get_nc_status(nodes_or_conns._datum)  # noqa: SLF001 - no public way gives columns
        if keys is not None:
            wanted = {*_NEEDED, *([keys] if isinstance(keys, str) else keys)}
            found = {name: values for name, values in found.items() if name in wanted}
        return Share("nodes", {name: self._plain(values) for name, values in found.items()}, keys)

    def _columns(self, connections: Any) -> dict[str, list[Any]]:
        """A list for each key; none where this rank has no connection of these."""
        if len(connections) == 0:
            return {}
        rows = self._nest.ll_api.nestkernel.llapi_get_connection_status(connections._datum)  # noqa: SLF001 - see above
        names = dict.fromkeys(name for row in rows for name in row)
        return {name: [row.get(name) for row in rows] for name in names}

    def _set_status(self, nodes_or_conns: Any, params: Any, val: Any = None) -> Share:
        given = params if val is None else {params: val}
        if isinstance(nodes_or_conns, self._nest.SynapseCollection):
            if not isinstance(given, Mapping):
                raise TypeError("SetStatus of connections takes one set of parameters for all of them: ranks have an order of their own")
            if len(nodes_or_conns):
                self._nest.ll_api.nestkernel.llapi_set_connection_status(nodes_or_conns._datum, dict(given))  # noqa: SLF001 - see above
        elif len(nodes_or_conns):
            nodes_or_conns.set(self._one_for_each(nodes_or_conns, given))
        return Share("same", None)

    def _one_for_each(self, nodes: Any, given: Any) -> Any:
        """Lists of values as one set of parameters for each node; NEST does it only where all nodes are local."""
        if not isinstance(given, Mapping):
            return [dict(one) for one in given]
        lists = {name for name, value in given.items() if _is_list(value) and len(value) == len(nodes) > 1}
        if not lists:
            return dict(given)
        usual = self._nest.GetDefaults(nodes[0].get("model"))
        lists = {name for name in lists if name in usual and not _is_list(usual[name])}
        return [{name: value[place] if name in lists else value for name, value in given.items()} for place in range(len(nodes))]

    def _get_connections(self, source: Any = None, target: Any = None, synapse_model: Any = None, synapse_label: Any = None) -> Share:
        given = {"source": source, "target": target, "synapse_model": synapse_model, "synapse_label": synapse_label}
        found = self._nest.GetConnections(**{name: value for name, value in given.items() if value is not None})
        return Share("connections", self._columns(found))

    def _get_kernel_status(self, keys: str | Sequence[str] | None = None) -> Share:
        return Share("kernel", self._plain(self._nest.GetKernelStatus()), keys)

    def _reset_kernel(self) -> Share:
        self._nest.ResetKernel()
        self.populations.clear()
        self.sizes.clear()
        return Share("same", None)

    def _name_population(self, name: str, nodes: Any) -> Share:
        """Give nodes a name, by which later calls name them: shorter than thousands of numbers in each request."""
        if not isinstance(name, str) or not name:
            raise TypeError("name: expected text")
        self.populations[name], self.sizes[name] = nodes, len(nodes)
        return Share("same", len(nodes))


def _is_list(value: Any) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, str | bytes | Mapping)


def _functions(nest: Any) -> set[str]:
    """The functions that may be called: those of PyNEST whose name begins with a capital. `T_max` is an attribute that asks the kernel."""
    return {name for name in dir(nest) if name[:1].isupper() and inspect.isroutine(getattr(nest, name))}
