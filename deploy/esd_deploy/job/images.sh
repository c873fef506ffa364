#!/usr/bin/env bash
# The image cache on a login node. ESD_ACTION: list, check (compute each file's hash anew), gc (remove what nobody used for
# ESD_KEEP_DAYS days, and what broken pulls left). ESD_SCRATCH_VARIABLE, ESD_IMAGE_CACHE and ESD_IMAGE_CACHE_KEEPER say where it is.
# Prints one line for each image: name, bytes, seconds since 1970 of the last use, state.
set -euo pipefail

die() {
  printf '%s\n' "$*" >&2
  exit 1
}

# shellcheck source=/dev/null
source esd/cache.sh
scratch=${!ESD_SCRATCH_VARIABLE:-}
[ -d "$scratch" ] || die "\$$ESD_SCRATCH_VARIABLE is '$scratch', not a folder"
keeper=$(keeper_of_cache)
enter_cache "$scratch" "$ESD_IMAGE_CACHE" "$keeper"
shopt -s nullglob
now=$(date +%s)

is_listed() { # SIF: whether it is there, also where nothing more can be learnt of it
  local listed=(*.sif)
  [[ " ${listed[*]} " == *" $1 "* ]]
}

checked() { # SIF: only what was read to its end and is something else is damaged; what could not be read is kept
  local hash
  if ! hash=$(sha256sum "$1" 2>&1); then
    if is_listed "$1"; then printf 'unreadable (%s)' "${hash##*: }"; else printf 'gone'; fi
  elif [ "${hash%% *}" = "${1%.sif}" ]; then
    printf 'whole'
  elif rm -f "$1"; then
    printf 'damaged, removed'
  else
    printf 'damaged, not removed'
  fi
}

tidied() { # SIF
  local used
  if ! used=$(stat -c %Y "$1"); then
    if is_listed "$1"; then printf 'unreadable (no date)'; else printf 'gone'; fi
  elif [ $((now - used)) -le $((ESD_KEEP_DAYS * 86400)) ]; then
    printf 'kept'
  elif rm -f "$1"; then
    printf 'removed'
  else
    printf 'not removed'
  fi
}

state_of() { # SIF: what is to be said of it. Under its lock, for a pull must neither replace nor link what is being removed.
  case $ESD_ACTION in
    check) (flock 9 && checked "$1") 9>"${1%.sif}.lock" || printf 'not checked: no lock' ;;
    gc) (if flock -n 9; then tidied "$1"; else printf 'in use'; fi) 9>"${1%.sif}.lock" || printf 'not removed: no lock' ;;
    *) printf 'kept' ;;
  esac
}

tidy_packages() { # those of --requirements that no run has used for that long, and what broken installations left
  local sums
  for sums in packages-*.sums; do
    [[ $sums =~ ^packages-[0-9a-f]{32}\.sums$ ]] || continue
    [ -z "$(find "$sums" -mmin "+$((ESD_KEEP_DAYS * 1440))")" ] || rm -rf -- "$sums" "${sums%.sums}"
  done
  find . -maxdepth 1 -regextype posix-extended -regex '\./\.packages-[0-9a-f]{32}\.[A-Za-z0-9]{6}' -type d -mmin +1440 -exec rm -rf {} +
}

for sif in *.sif; do
  [[ $sif =~ ^[0-9a-f]{64}\.sif$ ]] || continue # nothing that a pull has put here
  if ! facts=$(stat -c '%s %Y' "$sif"); then
    is_listed "$sif" || continue # somebody else has removed it since
    facts='0 0'
  fi
  printf 'image %s %s %s\n' "${sif%.sif}" "$facts" "$(state_of "$sif")"
done
if [ "$ESD_ACTION" = gc ]; then
  find . -maxdepth 1 -regextype posix-extended -regex '\./\.[0-9a-f]{64}\.[A-Za-z0-9]{6}' -type d -mmin +1440 -exec rm -rf {} +
  (flock -n 9 && tidy_packages) 9>>packages.lock || true
fi
printf 'free %s %s\n' "$(df --output=avail -B1 . | tail -n 1)" "$PWD"
