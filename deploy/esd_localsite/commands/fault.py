"""`esd-deploy local fault …`: break the site on purpose, and repair it."""

from typing import Annotated

import typer

from esd_localsite import elevation
from esd_localsite.faults.board import Fault, FaultKind
from esd_localsite.supervision import fault_switches

_LIST, _CLEAR = "list", "clear"


def fault(
    what: Annotated[str, typer.Argument(help=f"A fault ({', '.join(FaultKind)}), or {_LIST}, or {_CLEAR}.")],
    which: Annotated[list[FaultKind] | None, typer.Argument(help="For `clear`: only these.")] = None,
    *,
    name: Annotated[str, typer.Option("--name", help="Which local site.")] = "local",
    times: Annotated[int | None, typer.Option(min=1, help="How often the fault strikes; default: until cleared.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.001, help="slow: how much; …-down: how long.")] = None,
    node: Annotated[str | None, typer.Option(help="node-down, node-dies: which node.")] = None,
    megabytes: Annotated[int | None, typer.Option(min=1, help="disk-quota: size of the disk.")] = None,
) -> None:
    """Break the running site on purpose: see docs/reference/faults.md for what each fault does."""
    if what == _LIST:
        typer.echo("\n".join(map(str, fault_switches.switched_on(name))) or "no fault is switched on")
    elif what == _CLEAR:
        clear(name, tuple(which or ()))
    elif what in list(FaultKind) and not which:
        inject(name, Fault(kind=FaultKind(what), times=times, seconds=seconds, node=node, megabytes=megabytes))
    else:
        raise typer.BadParameter(
            f"'{' '.join((what, *(which or ())))}' is not a fault: use {_LIST}, {_CLEAR}, or one of {', '.join(FaultKind)}"
        )


def inject(name: str, fault: Fault) -> None:
    """Switch a fault on, as root if necessary."""
    if elevation.may_act(name):
        fault_switches.inject(name, fault)
    else:
        elevation.as_root(("fault", name, fault.model_dump_json(exclude_none=True)), _say)
    _say(str(fault))


def clear(name: str, kinds: tuple[FaultKind, ...]) -> None:
    """Switch faults off, as root if necessary."""
    if elevation.may_act(name):
        fault_switches.clear(name, kinds)
    else:
        elevation.as_root(("clear", name, *kinds), _say)


def _say(text: str) -> None:
    typer.echo(text, err=True)
