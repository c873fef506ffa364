#!/usr/bin/env bash
# Puts the packages of --requirements from esd/packages.tar into the user's cache; without that file it says whether they are there.
# Prints `present` or `absent`. Parameters: those of packages.sh, ESD_IMAGE_CACHE, ESD_SCRATCH_VARIABLE.
set -euo pipefail

job=$PWD
work=

die() {
  printf 'packages on %s: %s\n' "$(uname -n)" "$*" >&2
  exit 1
}

clean_up() {
  [ -z "$work" ] || rm -rf "$work"
}
trap clean_up EXIT

# shellcheck source=/dev/null
source esd/cache.sh
# shellcheck source=/dev/null
source esd/packages.sh
archive=$job/esd/packages.tar
scratch=${!ESD_SCRATCH_VARIABLE:-}
[ -d "$scratch" ] || die "\$$ESD_SCRATCH_VARIABLE is '$scratch', not a folder; correct \`scratch\` in the site's configuration"
enter_cache "$scratch" "$ESD_IMAGE_CACHE"
exec 9>>packages.lock
flock -w 600 9 || true # a disk without locks: the renaming below is whole all the same
if packages_are_whole; then
  echo present
  exit
fi
if [ ! -f "$archive" ]; then
  echo absent
  exit
fi
need=$(stat -c %s "$archive")
free=$(df --output=avail -B1 . | tail -n 1)
[ "$free" -gt $((need + need / 4)) ] || die "disk full: $((free / 1000000)) MB free in $PWD, the packages have $((need / 1000000)) MB"
# shellcheck disable=SC2154 # packages.sh has the name
work=$(mktemp -d ".$packages.XXXXXX")
tar -x -f "$archive" -C "$work" --no-same-owner || die "their archive cannot be unpacked"
rm -rf "$packages" "$packages.sums"
mv "$work/packages" "$packages"
mv "$work/sums" "$packages.sums"
packages_are_whole || die "their files are not those that were sent; is the disk of $PWD sound?"
echo present
