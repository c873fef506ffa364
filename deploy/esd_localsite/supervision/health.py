"""Asks each part of a running site, all at once, whether it answers. A living supervisor does not prove that.

The supervisor does not notice a removed network, a frozen daemon, or a node that Slurm has given up.
"""

import socket
import ssl
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import httpx

from esd_localsite.errors import LocalSiteError
from esd_localsite.state.layout import LOGIN, NODES, Layout
from esd_localsite.state.options import Launcher
from esd_localsite.state.plan import SitePlan
from esd_localsite.state.programs import run
from esd_localsite.state.status import Answer

_SLURM_S = 15.0
_HTTP_S = 10.0
_SLURMD_PORT = 6818
"""Slurm's default, which slurm.conf leaves as it is: each node has a network of its own."""
_OUT_OF_USE = ("down", "drain", "fail", "unknown", "inval", "error", "*")
"""Parts of `sinfo`'s state of a node that accepts no jobs; `*`: the controller did not reach it."""
_POLITE = frozenset({httpx.codes.OK, httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN})

Question = Callable[[], str]
"""Returns the answer; raises LocalSiteError, OSError or httpx.HTTPError if it is not as expected."""


def ask(layout: Layout, plan: SitePlan) -> dict[str, Answer]:
    """Part → answer, for all parts of this site. Takes as long as the slowest, at most 30 s."""
    asked = questions(layout, plan)
    with ThreadPoolExecutor(len(asked)) as pool:
        return dict(zip(asked, pool.map(_answer, asked.values()), strict=True))


def questions(layout: Layout, plan: SitePlan) -> Mapping[str, Question]:
    """The question for each part: the controller, the nodes, UNICORE's TSI, the registry and its login, the UNICORE endpoint, the queue."""
    cluster: dict[str, Question] = {}
    if layout.needs_root:
        cluster = {"controller": lambda: _controller(layout), **{node: _NodeQuestion(layout, plan, node) for node in NODES}}
    if plan.ports.tsi is not None and layout.needs_root:
        cluster["tsi"] = lambda: _connects("UNICORE's TSI", ("127.0.0.1", plan.ports.tsi or 0))
    return {
        **cluster,
        "registry": lambda: _web(layout, f"https://{plan.registry}/v2/", frozenset({httpx.codes.UNAUTHORIZED})),
        "login": lambda: _web(layout, f"https://127.0.0.1:{plan.ports.login}/token", frozenset({httpx.codes.OK})),
        "endpoint": lambda: _web(layout, plan.unicore_url, _POLITE),
        "queue": lambda: _web(layout, plan.nmpi_url, _POLITE),
    }


def _answer(question: Question) -> Answer:
    try:
        return Answer(ok=True, said=question())
    except (LocalSiteError, OSError, httpx.HTTPError) as error:
        return Answer(ok=False, said=(str(error) or type(error).__name__).splitlines()[0])


def _connects(what: str, address: tuple[str, int]) -> str:
    where = "{} at {}:{}".format(what, *address)
    try:
        with socket.create_connection(address, timeout=_HTTP_S):
            return f"{where} accepts connections"
    except OSError as error:
        raise LocalSiteError(f"{where}: {error}") from error


def _controller(layout: Layout) -> str:
    return " ".join(_slurm(layout, "scontrol", "ping").split())


class _NodeQuestion:
    """Whether its daemon (slurmd, or ParaStation's psid) accepts connections, and Slurm gives it jobs."""

    def __init__(self, layout: Layout, plan: SitePlan, node: str) -> None:
        self._layout, self._node = layout, node
        self._daemon = "slurmd" if plan.options.launcher is Launcher.SLURMD else "psid"
        self._login, self._address = str(plan.address(LOGIN)), (str(plan.address(node)), _SLURMD_PORT)

    def __call__(self) -> str:
        where = f"{self._daemon} at {{}}:{{}}".format(*self._address)
        try:
            with socket.create_connection(self._address, timeout=_HTTP_S) as connection:
                source = connection.getsockname()[0]
        except OSError as error:
            raise LocalSiteError(f"{where}: {error}") from error
        if source != self._login:  # over the machine's default route, where anything may answer
            raise LocalSiteError(f"{where}: this machine no longer has the site's network")
        told = _slurm(self._layout, "sinfo", "--noheader", "--Node", f"--nodes={self._node}", "--format=%T|%E")
        return judge_node(told.splitlines()[0] if told else "unknown|")


def judge_node(told: str) -> str:
    """The state in `STATE|REASON` of `sinfo`; raises LocalSiteError if no job would get the node."""
    state, _, reason = told.partition("|")
    if any(word in state.lower() for word in _OUT_OF_USE):
        raise LocalSiteError(f"Slurm reports its state as {state}" + (f" ({reason})" if reason not in {"", "none"} else ""))
    return state


def _web(layout: Layout, url: str, wanted: frozenset[httpx.codes]) -> str:
    context = ssl.create_default_context(cafile=str(layout.tls.ca))
    status = httpx.get(url, verify=context, trust_env=False, timeout=_HTTP_S).status_code
    if status not in wanted:
        raise LocalSiteError(f"{url} answers with status {status}")
    return f"status {status}"


def _slurm(layout: Layout, *argv: str) -> str:
    return run(argv, extra={"SLURM_CONF": str(layout.slurm_conf)}, timeout=_SLURM_S)
