#!/usr/bin/env bash
# bare.sh python3 SCRIPT…: the image's own Python and libraries, from the copy that unpack.sh made, without a container.
set -euo pipefail
# shellcheck source=/dev/null
source esd/tree.sh
shift
PYTHONNOUSERSITE=1 exec "$ESD_LOADER" --library-path "$ESD_LIBRARIES" "$ESD_PYTHON" "$@"
