#!/usr/bin/env bash
# Post-processing on the login node (--post), once the run's program has ended with 0. Prints nothing: what the script prints is in
# esd/post.stdout and esd/post.stderr, its exit code in esd/post.json. Ends with 0 itself, for a site calls a job failed whose last step
# did not. The steps' command lines are functions in esd/launch.sh.
set -uo pipefail

# shellcheck source=/dev/null
source esd/inventory.sh || exit 1
# shellcheck source=/dev/null
source esd/launch.sh || exit 1

read -r _ _ program 2>/dev/null <esd/ended || program=
[ "$program" = 0 ] || exit 0
{
  prepare && post
} >esd/post.stdout 2>esd/post.stderr </dev/null
code=$?
note_results || true # without their hashes, the transfer of the results is checked by size only
printf '{"host": "%s", "exit_code": %d, "seconds": %d}\n' "$(uname -n)" "$code" "$SECONDS" >esd/post.json
exit 0
