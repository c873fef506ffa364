#!/usr/bin/env bash
# starts.sh COUNT LIMIT_S COMMAND…: starts an MPI program so often, one after the other; one JSON line for each: its exit code, its seconds,
# and what a rank said that crashed. The first failure's words are kept whole, on standard error.
set -uo pipefail
# shellcheck source=/dev/null
source esd/crash.sh || exit 1
count=$1 limit=$2
shift 2
words=esd/starts.words shown=
for ((number = 1; number <= count; number++)); do
  begun=$EPOCHREALTIME
  timeout --kill-after=5 "$limit" "$@" >"$words" 2>&1 </dev/null
  code=$?
  seconds=$(awk -v begun="$begun" -v now="$EPOCHREALTIME" 'BEGIN { printf "%.3f", now - begun }')
  how='' chance=false
  if [ "$code" != 0 ]; then
    how=$(crash "$words") || true
    by_chance "$words" && chance=true
    [ -n "$shown" ] || cat "$words" >&2
    shown=yes
  fi
  printf '{"start": %d, "code": %d, "seconds": %s, "crash": "%s", "by_chance": %s}\n' "$number" "$code" "$seconds" "$how" "$chance"
done
rm -f "$words"
