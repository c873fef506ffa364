#!/usr/bin/env bash
# make test: set-up, the image, and every test that this machine can run. What cannot be had here is said, and its tests are skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

without=()
ci/install-system.sh || without+=("the parts that a root must install (Slurm, Apptainer, …)")
ci/install-python.sh
.venv/bin/esd-build image nest --env edge || without+=("the NEST image")
for part in "${without[@]}"; do
  printf '==> going on without %s; the tests that need it are skipped\n' "$part"
done
exec .venv/bin/pytest "$@"
