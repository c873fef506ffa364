"""The options that `run`, `submit` and `script` share, and the request that they make."""

import inspect
from collections.abc import Callable, Collection
from dataclasses import KW_ONLY, dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any

from esd_deploy.commands.shared import options, words
from esd_deploy.inputs import hardware
from esd_deploy.plans.asked_component import Component
from esd_deploy.plans.launch import Shape
from esd_deploy.plans.request import Request


@dataclass(frozen=True)
class Asked:
    """The options that describe a run, as typed; in the order in which `--help` shows them."""

    script: options.Script
    arguments: options.Arguments = None
    _: KW_ONLY
    site: options.SiteName
    image: options.Image = None
    mode: options.ModeName = None
    nodes: options.Nodes = 1
    ranks: options.Ranks = None
    tasks_per_node: options.TasksPerNode = None
    threads: options.Threads = 1
    gpus: options.Gpus = 0
    bind: options.Bind = None
    hint: options.Hint = None
    ranks_per_socket: options.RanksPerSocket = None
    exclusive: options.Exclusive = False
    time: options.Time = None
    inputs: options.Inputs = None
    requirements: options.Requirements = None
    model: options.Model = None
    partition: options.PartitionName = None
    account: options.Account = None
    env: options.Environment = None
    hardware_config: options.HardwareConfig = None
    job_name: options.JobName = None
    tag: options.Tags = None
    component: options.Components = None
    post: options.Post = None
    after: options.After = None

    def request(self, *never: Path) -> Request:
        """The request; never sends the folders in `never`. Raises UsageError for an option that cannot be parsed."""
        return Request(
            script=self.script,
            arguments=tuple(self.arguments or ()),
            image=self.image,
            shape=self._shape(),
            time_s=options.time_s(self.time),
            mode=options.mode(self.mode),
            inputs=tuple(self.inputs or ()),
            partition=self.partition,
            account=self.account,
            tags=tuple(self.tag or ()),
            name=words.job_name(self.job_name),
            environment=words.variables(self.env or ()),
            post=self.post,
            components=tuple(map(Component.typed, self.component or ())),
            never=never,
            hardware=hardware.typed(self.hardware_config or ()),
        )

    def _shape(self) -> Shape:
        spread = words.shape(self.nodes, self.tasks_per_node, self.threads, self.ranks)
        binding = words.binding(self.bind, self.hint, self.ranks_per_socket, exclusive=self.exclusive or None)
        return replace(spread, gpus=self.gpus, binding=binding)


def asks(*, without: Collection[str] = (), script: Path | None = None) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorates a command whose first parameter is an Asked: Typer sees the fields of Asked instead, except those `without`.

    `script`: the program of a command that has one of its own.
    """
    left_out = {*without, *(() if script is None else ("script", "arguments"))}
    shared = [one for name, one in inspect.signature(Asked).parameters.items() if name not in left_out]
    fixed: dict[str, Any] = {} if script is None else {"script": script}

    def spread(command: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(command).parameters.values())[1:]

        @wraps(command)
        def flat(**given: Any) -> None:
            command(Asked(**fixed, **{one.name: given.pop(one.name) for one in shared}), **given)

        parameters = [*shared, *own]
        flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # inspect.signature looks here first
        flat.__annotations__ = {one.name: one.annotation for one in parameters}
        return flat

    return spread
