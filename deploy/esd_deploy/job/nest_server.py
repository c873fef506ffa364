"""The program of a run that serves NEST (`esd-deploy serve nest-server`). Every rank runs it; the image has the server itself."""

import sys

try:
    from esd_nest_server.launcher import main
except ImportError as error:
    sys.exit(f"nest-server: this image cannot serve NEST ({error}); `--image nest-server` can")

sys.exit(main())
