"""`python -m esd_localsite.front --config FILE.json`: serve until SIGTERM or SIGINT."""

import argparse
import logging
import resource
import sys
from pathlib import Path

from esd_localsite.description.config import EndpointConfig
from esd_localsite.errors import LocalSiteError
from esd_localsite.files.processes import drop_groups, go_first
from esd_localsite.front.server import create_app
from esd_localsite.front.serving import MOST_CONNECTIONS, serve
from esd_localsite.unicore.endpoint import Endpoint

_SWITCH_S = 0.0005
"""How long a thread may keep the interpreter from the thread that answers all clients; Python's default of 5 ms adds up to long waits."""


def main() -> int:
    """Exit code 4 (a tool failed) with one message if the endpoint cannot start."""
    parser = argparse.ArgumentParser(prog="esd_localsite.front", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="the endpoint's configuration (JSON)")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        config = EndpointConfig.read(parser.parse_args().config)
        endpoint = Endpoint.build(config)
        drop_groups()
        go_first()
        sys.setswitchinterval(_SWITCH_S)
        _open_many()
        serve(endpoint.config, create_app(endpoint))
    except LocalSiteError as error:
        print(f"error: {error}", file=sys.stderr)
        return 4
    return 0


def _open_many() -> None:
    """Allow twice as many open files as connections: one client could use up the usual 1024."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = 2 * MOST_CONNECTIONS
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if most == resource.RLIM_INFINITY else min(wanted, most), most))


if __name__ == "__main__":
    sys.exit(main())
