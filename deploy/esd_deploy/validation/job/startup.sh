#!/usr/bin/env bash
# startup.sh APPTAINER IMAGE COUNT…: for each count, the seconds until that many containers, started at once, have come and gone.
set -uo pipefail
apptainer=$1 image=$2
shift 2
"$apptainer" exec "$image" true || exit 1 # the first one reads the image from disk
for count; do
  best=
  for _ in 1 2 3; do
    begun=$EPOCHREALTIME
    for _ in $(seq "$count"); do "$apptainer" exec "$image" true & done
    wait
    best=$(awk -v begun="$begun" -v now="$EPOCHREALTIME" -v best="$best" 'BEGIN { s = now - begun; print (best == "" || s < best) ? s : best }')
  done
  printf '{"containers": %d, "seconds": %s}\n' "$count" "$best"
done
