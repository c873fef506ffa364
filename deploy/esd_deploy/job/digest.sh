#!/usr/bin/env bash
# Prints this node and the SHA-256 of the image, read here from the very file that is run. Fails where it is not the promised one, or
# where somebody else could change it before it is run. Parameters by the job's environment: ESD_IMAGE_SHA256, ESD_IMAGE_CACHE_KEEPER.
set -euo pipefail

die() {
  printf 'image on %s: %s\n' "$(uname -n)" "$*" >&2
  exit 1
}

# shellcheck source=/dev/null
source esd/cache.sh
image=$(readlink -f "${ESD_IMAGE_LINK:-esd/image.sif}")
sha256=$(sha256 "$image")
printf '%s %s\n' "$(uname -n)" "$sha256"
[ "$sha256" = "$ESD_IMAGE_SHA256" ] || die "it is sha256:$sha256, the registry promised sha256:$ESD_IMAGE_SHA256"
holds_for "$UID" "$image" || holds_for "$(keeper_of_cache)" "$image" ||
  die "others could change it before it runs ($(stat -c '%n of %U, mode %a' "$image"))"
