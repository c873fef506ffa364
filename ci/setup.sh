#!/usr/bin/env bash
# make setup: installs what is missing on this machine, and .venv. Once Python is installed, .venv is filled while the remaining packages
# are installed, which takes about as long. Does nothing if everything is installed. Can be interrupted and started again.
set -euo pipefail
cd "$(dirname "$0")/.."

ci/install-system.sh first
ci/install-python.sh &
python=$!
trap 'kill "$python" 2>/dev/null && wait "$python" || true' EXIT
ci/install-system.sh rest
trap - EXIT
wait "$python"
