"""Questions to the site's daemons, each repeated until the answer is yes."""

import socket
import ssl
from pathlib import Path

import httpx

from esd_localsite.errors import LocalSiteError
from esd_localsite.state.layout import JOB_USER, NODES, Layout
from esd_localsite.state.plan import SitePlan
from esd_localsite.state.programs import run


def munge_answers(layout: Layout) -> bool:
    """Munge's socket accepts connections."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(layout.munge_socket)) == 0


def controller_answers(layout: Layout) -> bool:
    """Slurm's controller answers requests."""
    return _slurm_says(layout, "sinfo", "--noheader", "--format=%P") is not None


def nodes_idle(layout: Layout) -> bool:
    """All compute nodes have reported to the controller and wait for work."""
    said = _slurm_says(layout, "sinfo", "--noheader", "--Node", "--format=%N %T") or ""
    return set(said.split("\n")[:-1]) == {f"{node} idle" for node in NODES}  # one line for each partition


def node_accepts(layout: Layout, node: str) -> bool:
    """Slurm reaches the node and gives it jobs."""
    said = _slurm_says(layout, "sinfo", "--noheader", "--Node", f"--nodes={node}", "--format=%T") or ""
    return set(said.split()) in ({"idle"}, {"mixed"}, {"allocated"})


def registry_answers(layout: Layout, plan: SitePlan) -> bool:
    """The registry speaks the OCI protocol and asks for a token, which its login issues; both have certificates of the site's authority."""
    asked = _status(f"https://{plan.registry}/v2/", layout.tls.ca), _status(f"https://127.0.0.1:{plan.ports.login}/token", layout.tls.ca)
    return asked == (httpx.codes.UNAUTHORIZED, httpx.codes.OK)


def unicore_answers(layout: Layout, plan: SitePlan) -> bool:
    """The UNICORE endpoint answers; it may refuse an anonymous client, but with a proper answer."""
    return _status(plan.unicore_url, layout.tls.ca) in {httpx.codes.OK, httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}


def server_takes_jobs(layout: Layout, plan: SitePlan) -> bool:
    """The real UNICORE/X has a target system for the site's user. It answers some seconds earlier, but refuses all jobs until then."""
    verify = ssl.create_default_context(cafile=str(layout.tls.ca))
    login, accept = (JOB_USER, layout.password.read_text().strip()), {"Accept": "application/json"}
    try:
        with httpx.Client(auth=login, verify=verify, headers=accept, trust_env=False, timeout=30) as client:
            core, factories = (client.get(plan.unicore_url + path) for path in ("", "/factories"))
            return has_target(core.json(), factories.json(), with_tsi=layout.needs_root)
    except (httpx.HTTPError, ValueError):
        return False


def has_target(core: object, factories: object, *, with_tsi: bool) -> bool:
    """Whether the server's documents name a target system, and its TSI answers."""
    match core, factories:
        case {"server": {"externalConnections": dict(connections)}, "client": {"role": {"selected": "user"}}}, {"factories": [_, *_]}:
            return not with_tsi or str(connections.get("TSI 1", "")).startswith("OK")
    return False


def tsi_answers(layout: Layout, plan: SitePlan) -> bool:  # noqa: ARG001 - asked like the others
    """UNICORE's TSI accepts connections. It obeys only peers with the right certificate."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", plan.ports.tsi or 0)) == 0


def _slurm_says(layout: Layout, *argv: str) -> str | None:
    try:
        return run(argv, extra={"SLURM_CONF": str(layout.slurm_conf)})
    except LocalSiteError:
        return None


def _status(url: str, ca_file: Path) -> int | None:
    try:
        return httpx.get(url, verify=ssl.create_default_context(cafile=str(ca_file)), trust_env=False, timeout=5).status_code
    except httpx.HTTPError:
        return None
