#!/usr/bin/env bash
# The image cache on a login node. ESD_ACTION: list, check (compute each file's hash anew), gc (remove what nobody used for
# ESD_KEEP_DAYS days, and what broken pulls left). ESD_SCRATCH_VARIABLE and ESD_IMAGE_CACHE say where it is.
# Prints one line for each image: name, bytes, seconds since 1970 of the last use, state.
set -euo pipefail

scratch=${!ESD_SCRATCH_VARIABLE:-}
[ -d "$scratch" ] || { printf "\$%s is '%s', not a folder\n" "$ESD_SCRATCH_VARIABLE" "$scratch" >&2; exit 1; }
cache=$scratch/$ESD_IMAGE_CACHE
mkdir -p "$cache"
cd "$cache"
shopt -s nullglob
now=$(date +%s)

state_of() { # SIF: what is to be said of it
  local name=${1%.sif}
  if [ "$ESD_ACTION" = check ] && [ "$(sha256sum "$1" | cut -d ' ' -f 1)" != "$name" ]; then
    # Under the lock, for a pull must not link what is being removed.
    (flock 9 && rm -f "$1") 9>"$name.lock"
    printf 'damaged, removed'
  elif [ "$ESD_ACTION" = gc ] && [ $((now - $(stat -c %Y "$1"))) -gt $((ESD_KEEP_DAYS * 86400)) ]; then
    if (flock -n 9 && rm -f "$1") 9>"$name.lock"; then printf 'removed'; else printf 'in use'; fi
  elif [ "$ESD_ACTION" = check ]; then
    printf 'whole'
  else
    printf 'kept'
  fi
}

for sif in *.sif; do
  size=$(stat -c %s "$sif") used=$(stat -c %Y "$sif")
  printf 'image %s %s %s %s\n' "${sif%.sif}" "$size" "$used" "$(state_of "$sif")"
done
if [ "$ESD_ACTION" = gc ]; then
  find . -maxdepth 1 -name '.*.??????' -type d -mmin +1440 -exec rm -rf {} +
fi
printf 'free %s %s\n' "$(df --output=avail -B1 . | tail -n 1)" "$cache"
