#!/usr/bin/env bash
# Puts the image esd/image.sif, which was sent, into the user's cache, where pull.sh finds it; without that file it says whether it is there.
# Prints `present` or `absent`. Parameters: ESD_IMAGE_SHA256, ESD_IMAGE_SIZE, ESD_IMAGE_CACHE, ESD_SCRATCH_VARIABLE.
set -euo pipefail

sent=$PWD/esd/image.sif
work=

die() {
  printf 'image on %s: %s\n' "$(uname -n)" "$*" >&2
  exit 1
}

clean_up() {
  [ -z "$work" ] || rm -f "$work"
}
trap clean_up EXIT

# shellcheck source=/dev/null
source esd/cache.sh
scratch=${!ESD_SCRATCH_VARIABLE:-}
[ -d "$scratch" ] || die "\$$ESD_SCRATCH_VARIABLE is '$scratch', not a folder; correct \`scratch\` in the site's configuration"
enter_cache "$scratch" "$ESD_IMAGE_CACHE"
sif=$ESD_IMAGE_SHA256.sif
exec 9>>"$ESD_IMAGE_SHA256.lock"
flock -w 3600 9 || true # a disk without locks: the renaming below is whole all the same
if holds_for "$UID" "$sif" && is_whole "$sif"; then
  echo present
  exit
fi
if [ ! -f "$sent" ]; then
  echo absent
  exit
fi
is_whole "$sent" || die "the image that was sent has another hash than the run's record; send it again"
# On the cache's own file system, so that the renaming is one step. It costs no space where the job's folder is there too.
work=$(mktemp -u ".$ESD_IMAGE_SHA256.XXXXXX")
if ! ln "$sent" "$work" 2>/dev/null; then
  require_space "$PWD"
  cp -- "$sent" "$work"
fi
chmod 0444 "$work"
mv -f "$work" "$sif"
is_whole "$sif" || die "the image in $PWD is not the one that was sent; is its disk sound?"
echo present
