# shellcheck shell=bash
# Python packages of --requirements, in the folder of the user's images: installed once for each image and lock (install.sh), read by all
# runs. Sourced by pull.sh and install.sh, after cache.sh. Parameters: ESD_PACKAGES_KEY, and ESD_PACKAGES_SUMS, the hash of the list of files.

packages=packages-${ESD_PACKAGES_KEY:-}

packages_are_whole() { # every file is as it was installed, and there is no other
  [ "$(sha256sum <"$packages.sums" 2>/dev/null | cut -d ' ' -f 1)" = "$ESD_PACKAGES_SUMS" ] || return 1
  (
    cd "$packages" 2>/dev/null || exit 1
    sha256sum --check --quiet --strict "../$packages.sums" >/dev/null 2>&1 || exit 1
    [ "$(find . ! -type d | wc -l)" = "$(wc -l <"../$packages.sums")" ]
  )
}

link_packages() { # JOB SCRATCH
  enter_cache "$2" "$ESD_IMAGE_CACHE"
  if ! packages_are_whole; then
    printf 'packages on %s: those of --requirements are not in %s, or were changed there\n' "$(uname -n)" "$PWD" | tee "$1/esd/failure.txt" >&2
    exit 1
  fi
  touch "$packages.sums" # when they were last used
  ln -sfn "$(pwd -P)/$packages" "$1/esd/packages"
}
