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

state_of() { # SIF: what is to be said of it. Under its lock, for a pull must neither replace nor link what is being removed.
  local name=${1%.sif}
  case $ESD_ACTION in
    check)
      (
        flock 9
        if [ "$(sha256sum "$1" | cut -d ' ' -f 1)" = "$name" ]; then printf 'whole'; else rm -f "$1" && printf 'damaged, removed'; fi
      ) 9>"$name.lock"
      ;;
    gc)
      if [ $((now - $(stat -c %Y "$1"))) -le $((ESD_KEEP_DAYS * 86400)) ]; then
        printf 'kept'
      elif (flock -n 9 && rm -f "$1") 9>"$name.lock"; then
        printf 'removed'
      else
        printf 'in use'
      fi
      ;;
    *) printf 'kept' ;;
  esac
}

for sif in *.sif; do
  size=$(stat -c %s "$sif") used=$(stat -c %Y "$sif")
  printf 'image %s %s %s %s\n' "${sif%.sif}" "$size" "$used" "$(state_of "$sif")"
done
if [ "$ESD_ACTION" = gc ]; then
  find . -maxdepth 1 -name '.*.??????' -type d -mmin +1440 -exec rm -rf {} +
fi
printf 'free %s %s\n' "$(df --output=avail -B1 . | tail -n 1)" "$cache"
