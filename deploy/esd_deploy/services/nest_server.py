"""A run that serves NEST: an ordinary run, whose program is the launcher inside the image nest-server. Pure."""

import importlib.resources
import re
from dataclasses import dataclass, replace
from pathlib import Path

from esd_build.data.errors import UsageError
from esd_deploy.inputs.carried import place_of
from esd_deploy.plans.plan import Plan
from esd_deploy.plans.request import Request

IMAGE = "nest-server"
TAG = "service"
"""By this tag the services among all runs are found."""
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?")
PROGRAM = Path(str(importlib.resources.files("esd_deploy") / "job" / "nest_server.py"))


@dataclass(frozen=True)
class Wanted:
    """How to serve. `network`: a script that every rank runs first.

    `warn_s`, `save_s`: seconds before the time limit when the service warns, and when it stops and saves. `scripts`: it runs those of its
    clients. `origins`: pages from there may ask from a browser.
    """

    network: Path | None = None
    warn_s: int = 120
    save_s: int = 20
    scripts: bool = False
    origins: tuple[str, ...] = ()


def request(asked: Request, wanted: Wanted) -> Request:
    """The request of a run that serves. Raises UsageError for a network that is no file, or an origin that is none."""
    if wanted.network is not None and not wanted.network.is_file():
        raise UsageError(f"--network {wanted.network}: no such file; it names a Python script that builds a network")
    for origin in wanted.origins:
        if not _ORIGIN.fullmatch(origin):
            raise UsageError(f"--origin {origin}: expected scheme, host and port as a browser writes them, e.g. http://127.0.0.1:54286")
    also = () if wanted.network is None else (wanted.network,)
    return replace(asked, script=PROGRAM, image=asked.image or IMAGE, tags=(*asked.tags, TAG), inputs=(*asked.inputs, *also))


def timed(plan: Plan, wanted: Wanted) -> Plan:
    """The plan with the launcher's options, of which one is the time limit. Raises UsageError for a limit that leaves no time to serve."""
    if plan.time_s <= wanted.save_s:
        raise UsageError(f"--time: a service saves its data {wanted.save_s} s before its time limit; give it more than that")
    network = () if wanted.network is None else ("--network", place_of(wanted.network, PROGRAM.parent))
    own = ("--threads", plan.shape.threads, "--time-s", plan.time_s, "--warn-s", wanted.warn_s, "--save-s", wanted.save_s)
    scripts = ("--scripts",) if wanted.scripts else ()
    origins = tuple(word for origin in wanted.origins for word in ("--origin", origin))
    return replace(plan, arguments=(*map(str, own), *scripts, *origins, *network))
