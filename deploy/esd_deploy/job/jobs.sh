#!/usr/bin/env bash
# Looks for the batch jobs of a run, or cancels them. Prints `NUMBER STATE` of each that waits or runs.
# Parameters by environment: ESD_ASKED_NAMES (of the jobs, with commas), ESD_ACTION (look or cancel).
set -euo pipefail

user=$(id -un)
if [ "$ESD_ACTION" = cancel ]; then
  for name in ${ESD_ASKED_NAMES//,/ }; do
    timeout 60 scancel --user="$user" --name="$name"
  done
fi
timeout 60 squeue --noheader --user="$user" --name="$ESD_ASKED_NAMES" --format='%A %T'
