#!/usr/bin/env bash
# make demo: from a recipe to spikes. Each step skips what exists already, so the demo can be interrupted and started again.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=steps.sh
. ci/steps.sh

bin=.venv/bin
run_network() {
  record=$("$bin/esd-deploy" run examples/balanced_network/balanced_network.py --site local --image nest:edge --nodes 2 |
    awk '{ print > "/dev/stderr"; last = $0 } END { print last }') # the last line is the path of the run record
}

step '0/5  set-up' ci/setup.sh
step '1/5  the image' "$bin/esd-build" image nest --env edge
step '2/5  the local site: two Slurm nodes, a registry, a UNICORE server' "$bin/esd-deploy" local up
step '3/5  push the image to the registry' ci/push.sh nest-edge nest --env edge
step '4/5  the balanced network on two nodes, in the container, through UNICORE' run_network
step '5/5  the picture' "$bin/python" examples/balanced_network/plot.py "$(dirname "$record")"
tell_times 'from nothing to the picture'
printf 'run record: %s\n' "$record"
