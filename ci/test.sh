#!/usr/bin/env bash
# make test: set-up, the image, and every test that this machine can run. Says what this machine lacks; the tests that need it are skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

without=()
ci/install-system.sh || without+=("the parts that only root can install (Slurm, Apptainer, …)")
ci/install-python.sh
.venv/bin/esd-build image nest --env edge || without+=("the NEST image")
for part in "${without[@]}"; do
  printf '==> continuing without %s; the tests that need it are skipped\n' "$part"
done
exec .venv/bin/pytest "$@"
