#!/usr/bin/env bash
# Stage 1 of a run, on the login node: puts the image into the user's cache, checks it whole against the digest that the registry gave,
# and links it into the job's folder. Jobs that want the same image at once make one download.
# Parameters come by the job's environment: ESD_IMAGE_REFERENCE, ESD_IMAGE_SHA256, ESD_IMAGE_SIZE, ESD_IMAGE_CACHE,
# ESD_IMAGE_CACHE_KEEPER (may be empty), ESD_SCRATCH_VARIABLE, ESD_APPTAINER.
set -euo pipefail

lock_wait=3600
job=$PWD
link=${ESD_IMAGE_LINK:-esd/image.sif} # of a further component: another name
work=
held=
mine=

clean_up() {
  [ -z "$work" ] || rm -rf "$work"
  [ -z "$mine" ] || give_back
}
trap clean_up EXIT
trap 'exit 143' TERM INT HUP

die() {
  printf 'pull on %s: %s\n' "$(uname -n)" "$*" | tee "$job/esd/failure.txt" >&2
  exit 1
}

is_stale() { # PATH: whether its owner has shown no life for five minutes; both times are of the file server
  touch "$mine"
  [ -n "$(find "$1" -maxdepth 0 ! -newermt "$(stat -c %y "$mine") 5 minutes ago" 2>/dev/null)" ]
}

take_over() { # puts `mine` in the place of a stale lock. One at a time, and looked at once more: the lock may be another's by now
  local taken=1
  is_stale "$held" || return 1
  if ! mkdir "$held.over" 2>/dev/null; then
    if is_stale "$held.over"; then rmdir "$held.over" 2>/dev/null || true; fi
    return 1
  fi
  if is_stale "$held"; then ln "$mine" "$mine.new" && mv -f "$mine.new" "$held" && taken=0; fi
  rmdir "$held.over" 2>/dev/null || true
  return "$taken"
}

give_back() { # the lock, unless another one took it over meanwhile
  [ ! "$mine" -ef "$held" ] || rm -f "$held"
  rm -f "$mine" "$mine.new"
}

lock_image() { # alone with this image until this script ends: by a lock of the disk, else by a file that is made once
  local code=0 end
  exec 9>>"$ESD_IMAGE_SHA256.lock"
  flock -w "$lock_wait" 9 || code=$?
  case $code in
    0) return ;;
    1) die "another job has been pulling the same image for $((lock_wait / 60)) minutes; look at $PWD" ;;
  esac
  printf 'pull on %s: the disk of %s has no file locks; a lock file takes their place\n' "$(uname -n)" "$PWD" >&2
  held=$PWD/$ESD_IMAGE_SHA256.lock.held
  mine=$PWD/$ESD_IMAGE_SHA256.lock.$(uname -n).$$
  end=$((SECONDS + lock_wait))
  printf '%s, process %s\n' "$(uname -n)" "$$" >"$mine"
  until ln "$mine" "$held" 2>/dev/null || take_over; do
    [ "$SECONDS" -lt "$end" ] ||
      die "$(cat "$held") has been pulling the same image for $((lock_wait / 60)) minutes; look at $PWD"
    sleep 2
  done
  (while sleep 60 && kill -0 $$ 2>/dev/null && [ "$mine" -ef "$held" ]; do touch -c "$held"; done) 9>&- >/dev/null 2>&1 &
}

download() {
  # Whoever holds the lock is alone: what lies here from before was left by a pull that was killed.
  rm -rf ".$ESD_IMAGE_SHA256".*
  work=$(mktemp -d ".$ESD_IMAGE_SHA256.XXXXXX")
  require_space "$PWD"
  APPTAINER_TMPDIR=$PWD/$work "$ESD_APPTAINER" pull --disable-cache "$work/image.sif" "$ESD_IMAGE_REFERENCE" >"$work/log" 2>&1 ||
    die "$ESD_APPTAINER pull $ESD_IMAGE_REFERENCE failed: $(tail -n 3 "$work/log")"
  local size sha256
  size=$(stat -c %s "$work/image.sif")
  [ "$size" = "$ESD_IMAGE_SIZE" ] || die "the pulled image has $size bytes, the registry promised $ESD_IMAGE_SIZE"
  sha256=$(sha256 "$work/image.sif")
  [ "$sha256" = "$ESD_IMAGE_SHA256" ] || die "wrong digest: the pulled image is sha256:$sha256, the registry promised sha256:$ESD_IMAGE_SHA256"
  chmod 0444 "$work/image.sif" # the folder is what closes it to others
  mv -f "$work/image.sif" "$sif"
}

link_shared() { # the image from a folder that a trusted account fills; fails where there is none, or where others can change it
  local shared=$scratch/$ESD_IMAGE_CACHE
  [ -n "$keeper" ] && holds_for "$keeper" "$shared" && is_reliable "$shared" "$keeper" &&
    holds_for "$keeper" "$shared/$sif" && is_whole "$shared/$sif" && ln -sfn "$shared/$sif" "$job/$link"
}

link_own() { # a second name of the same file, which no renaming elsewhere can change; on another file system a link, or a copy
  rm -f "$job/$link"
  if ln "$sif" "$job/$link" 2>/dev/null; then return; fi
  if is_reliable . "$UID"; then
    ln -s "$(pwd -P)/$sif" "$job/$link"
  else
    require_space "$job"
    cp "$sif" "$job/$link"
  fi
}

# shellcheck source=/dev/null
source esd/cache.sh
scratch=${!ESD_SCRATCH_VARIABLE:-}
[ -d "$scratch" ] || die "\$$ESD_SCRATCH_VARIABLE is '$scratch', not a folder; correct \`scratch\` in the site's configuration"
command -v "$ESD_APPTAINER" >/dev/null || die "no program '$ESD_APPTAINER'; correct \`apptainer\` in the site's configuration"
sif=$ESD_IMAGE_SHA256.sif
keeper=$(keeper_of_cache)
downloaded=false

if ! link_shared; then
  enter_cache "$scratch" "$ESD_IMAGE_CACHE" "$keeper"
  lock_image
  if ! { holds_for "$UID" "$sif" && is_whole "$sif"; }; then
    download
    downloaded=true
  fi
  touch "$sif" # when it was last used, for the one who tidies up here (images.sh)
  link_own
fi
if [ -n "${ESD_PACKAGES_KEY:-}" ]; then
  # shellcheck source=/dev/null
  source "$job/esd/packages.sh"
  link_packages "$job" "$scratch"
fi
printf '{"host": "%s", "downloaded": %s, "seconds": %d}\n' "$(uname -n)" "$downloaded" "$SECONDS" >"$job/esd/pull.json"
