#!/usr/bin/env bash
# make setup: what is missing on this machine, and .venv. Once Python is there, .venv is filled beside the rest of the packages, which takes
# about as long. Does nothing where all is there; may be interrupted and started again.
set -euo pipefail
cd "$(dirname "$0")/.."

ci/install-system.sh first
ci/install-python.sh &
python=$!
trap 'kill "$python" 2>/dev/null && wait "$python" || true' EXIT
ci/install-system.sh rest
trap - EXIT
wait "$python"
