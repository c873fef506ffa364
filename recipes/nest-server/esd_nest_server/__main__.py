"""`python3 -m esd_nest_server`."""

import sys

from esd_nest_server.launcher import main

if __name__ == "__main__":
    sys.exit(main())
