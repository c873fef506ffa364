#!/usr/bin/env bash
# Stage 1 of a run, on the login node: puts the image into the site's shared cache, checked against the digest that the
# registry gave, and links it into the job's folder. Jobs that want the same image at once make one download.
# Parameters come by the job's environment: ESD_IMAGE_REFERENCE, ESD_IMAGE_SHA256, ESD_IMAGE_SIZE, ESD_IMAGE_CACHE,
# ESD_SCRATCH_VARIABLE, ESD_APPTAINER.
set -euo pipefail

lock_wait=3600

die() {
  printf 'pull on %s: %s\n' "$(uname -n)" "$*" | tee esd/failure.txt >&2
  exit 1
}

is_whole() { # FILE: cheap, for a file that was checked by its hash when it came
  [ "$(stat -c %s "$1" 2>/dev/null)" = "$ESD_IMAGE_SIZE" ]
}

require_space() {
  local free
  free=$(df --output=avail -B1 "$cache" | tail -n 1)
  [ "$free" -gt $((ESD_IMAGE_SIZE + ESD_IMAGE_SIZE / 4)) ] ||
    die "disk full: $((free / 1000000)) MB free in $cache, the image has $((ESD_IMAGE_SIZE / 1000000)) MB; remove images there that are no longer needed"
}

download() {
  # Whoever holds the lock is alone: what lies here from before was left by a pull that was killed.
  rm -rf "$cache/.$ESD_IMAGE_SHA256".*
  work=$(mktemp -d "$cache/.$ESD_IMAGE_SHA256.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  trap 'exit 143' TERM INT HUP
  require_space
  APPTAINER_TMPDIR=$work "$ESD_APPTAINER" pull --disable-cache "$work/image.sif" "$ESD_IMAGE_REFERENCE" >"$work/log" 2>&1 ||
    die "$ESD_APPTAINER pull $ESD_IMAGE_REFERENCE failed: $(tail -n 3 "$work/log")"
  is_whole "$work/image.sif" || die "the pulled image has $(stat -c %s "$work/image.sif") bytes, the registry promised $ESD_IMAGE_SIZE"
  local sha256
  sha256=$(sha256sum "$work/image.sif" | cut -d ' ' -f 1)
  [ "$sha256" = "$ESD_IMAGE_SHA256" ] || die "wrong digest: the pulled image is sha256:$sha256, the registry promised sha256:$ESD_IMAGE_SHA256"
  mv "$work/image.sif" "$sif"
}

# On some sites the scratch folder is known only once a project is activated.
if [ -f esd/launch.sh ]; then
  # shellcheck source=/dev/null
  source esd/launch.sh
  activate || die "the project could not be activated; correct \`activation\` and \`account\` in the site's configuration"
fi
scratch=${!ESD_SCRATCH_VARIABLE:-}
[ -d "$scratch" ] || die "\$$ESD_SCRATCH_VARIABLE is '$scratch', not a folder; correct \`scratch\` in the site's configuration"
command -v "$ESD_APPTAINER" >/dev/null || die "no program '$ESD_APPTAINER'; correct \`apptainer\` in the site's configuration"
cache=$scratch/$ESD_IMAGE_CACHE
sif=$cache/$ESD_IMAGE_SHA256.sif
downloaded=false
mkdir -p "$cache"

exec 9>"$cache/$ESD_IMAGE_SHA256.lock"
flock -w "$lock_wait" 9 || die "another job has been pulling the same image for $((lock_wait / 60)) minutes; look at $cache"
if ! is_whole "$sif"; then
  download
  downloaded=true
fi
touch "$sif" # when it was last used, for the one who tidies up here (images.sh)
ln -sfn "$sif" esd/image.sif
printf '{"host": "%s", "downloaded": %s, "seconds": %d}\n' "$(uname -n)" "$downloaded" "$SECONDS" >esd/pull.json
