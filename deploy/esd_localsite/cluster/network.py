"""The site's network: its own switch, the two nodes and the login side; nothing else, and no route outside.

The bridge is in its own network namespace. So the machine gets only one more interface (the login side's) and loses it when
the site's last process ends.
"""

import json
from dataclasses import dataclass
from ipaddress import IPv4Network

from esd_localsite.errors import LocalSiteError
from esd_localsite.state.layout import LOGIN, NODES, Layout
from esd_localsite.state.plan import SitePlan
from esd_localsite.state.programs import run

SWITCH = "switch"
NAMESPACES = (SWITCH, *NODES)


@dataclass(frozen=True)
class Batch:
    """Commands for `ip -batch`, to be run inside one network namespace (None: the login side's, the machine's own)."""

    namespace: str | None
    lines: tuple[str, ...]


def network_batches(layout: Layout, plan: SitePlan) -> tuple[Batch, ...]:
    """All steps in order. The nodes get no default route: as on real sites, they reach nothing outside."""
    return (_login_side(layout, plan), _switch(layout), *(_node(plan, node) for node in NODES))


def _login_side(layout: Layout, plan: SitePlan) -> Batch:
    interface = layout.interface
    return Batch(
        None,
        (
            f"link add {interface} type veth peer name {LOGIN} netns {layout.network(SWITCH)}",
            f"link set {interface} alias {mark(layout)}",
            f"addr add {plan.address(LOGIN)}/{plan.network.prefixlen} dev {interface}",
            f"link set {interface} up",
        ),
    )


def _switch(layout: Layout) -> Batch:
    cables = (f"link add {node} type veth peer name eth0 netns {layout.network(node)}" for node in NODES)
    plugs = (f"link set {port} master bridge up" for port in (LOGIN, *NODES))
    return Batch(SWITCH, ("link add bridge type bridge", "link set bridge up", *cables, *plugs))


def _node(plan: SitePlan, node: str) -> Batch:
    address = f"{plan.address(node)}/{plan.network.prefixlen}"
    return Batch(node, ("link set lo up", f"addr add {address} dev eth0", "link set eth0 up"))


def inside(layout: Layout, namespace: str | None) -> tuple[str, ...]:
    """The prefix of a command that runs in that network namespace."""
    return () if namespace is None else ("nsenter", f"--net={layout.network(namespace)}", "--")


def create_network(layout: Layout, plan: SitePlan) -> None:
    """Make the namespaces and connect them. Call it in the supervisor's mount namespace, which keeps them."""
    layout.networks.mkdir(exist_ok=True)
    run(("mount", "-t", "tmpfs", "-o", "mode=0700", "tmpfs", str(layout.networks)))
    for namespace in NAMESPACES:
        layout.network(namespace).touch()
        run(("unshare", f"--net={layout.network(namespace)}", "true"))
    for batch in network_batches(layout, plan):
        run((*inside(layout, batch.namespace), "ip", "-batch", "-"), text="\n".join(batch.lines) + "\n")


def mark(layout: Layout) -> str:
    """The mark of ownership that the site puts on its interface, for `ip link` and for itself."""
    return f"esd-localsite:{layout.state}:{layout.identity}"


def remove_interface(layout: Layout) -> None:
    """Remove the login side's interface at once; the kernel does so later, after the switch is gone.

    Raises LocalSiteError, and touches nothing, if the interface of that name is not the site's.
    """
    if (found := _interface(layout)) is None:
        return
    require_own(layout, found)
    try:
        run(("ip", "link", "delete", layout.interface))
    except LocalSiteError:
        if _interface(layout) is not None:  # else the kernel was quicker
            raise


@dataclass(frozen=True)
class Link:
    """A network interface: its kind (None: physical) and its mark, as `ip -details -json link` tells them."""

    kind: str | None = None
    alias: str | None = None


def require_own(layout: Layout, link: Link) -> None:
    """Raises LocalSiteError if the site did not make the interface."""
    if link.kind != "veth" or link.alias not in {mark(layout), None}:  # None: a start that was killed between two lines of its batch
        whose = f"a {link.kind or 'physical'} interface" + (f", marked '{link.alias}'" if link.alias else "")
        raise LocalSiteError(
            f"the local site '{layout.name}' needs the network interface {layout.interface}, which exists and belongs to something else "
            f"({whose}): rename or remove that one (`ip link show {layout.interface}`), or use another --name"
        )


def _interface(layout: Layout) -> Link | None:
    links = json.loads(run(("ip", "-details", "-json", "link", "show")))
    named = (link for link in links if link.get("ifname") == layout.interface)
    return next((Link(link.get("linkinfo", {}).get("info_kind"), link.get("ifalias")) for link in named), None)


def used_networks() -> tuple[IPv4Network, ...]:
    """Every network that the machine has a route to, except the default route."""
    routes = json.loads(run(("ip", "-json", "-4", "route", "show", "table", "all", "type", "unicast")))
    return tuple(IPv4Network(route["dst"], strict=False) for route in routes if route["dst"] != "default")
