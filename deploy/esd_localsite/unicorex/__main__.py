"""`python -m esd_localsite.unicorex --config FILE.json`: the front, until SIGTERM or SIGINT."""

import argparse
import logging
import ssl
import sys
from pathlib import Path

from esd_localsite.errors import LocalSiteError
from esd_localsite.files.processes import drop_groups
from esd_localsite.front.serving import serve
from esd_localsite.unicore.endpoint import Endpoint
from esd_localsite.unicorex.front import create_front
from esd_localsite.unicorex.front_config import FrontConfig


def main() -> int:
    """Exit code 4 (a tool failed) with one message if the front cannot start."""
    parser = argparse.ArgumentParser(prog="esd_localsite.unicorex", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="the front's configuration (JSON)")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        config = FrontConfig.read(parser.parse_args().config)
        endpoint = Endpoint.build(config.endpoint)
        drop_groups()
        serve(endpoint.config, create_front(endpoint, config.upstream, ssl.create_default_context(cafile=str(config.ca_file))))
    except LocalSiteError as error:
        print(f"error: {error}", file=sys.stderr)
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main())
