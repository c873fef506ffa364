#!/usr/bin/env bash
# What set-up refuses, before minutes are spent, and in which words.
set -euo pipefail
# shellcheck source=steps.sh
. /fresh/steps.sh

refused() { # SECONDS WORDS COMMAND…
  local limit=$1 words=$2 start=$SECONDS
  shift 2
  if "$@" >/tmp/refused.log 2>&1; then fail "not refused: $*"; fi
  sed 's/^/    /' /tmp/refused.log
  grep -qF -- "$words" /tmp/refused.log || fail "the message has not the words: $words"
  [ $((SECONDS - start)) -le "$limit" ] || fail "it took $((SECONDS - start)) s, more than $limit s"
}

no_fuse() {
  as_root rm /dev/fuse
  refused 5 'no /dev/fuse' make setup
  as_root mknod -m 600 /dev/fuse c 10 229
}

no_suite() {
  sed -nE 's/^(deb [^ ]+) .*/\1 nosuchsuite main/p' /etc/apt/sources.list | head -n 1 | as_root tee /etc/apt/sources.list.d/old.list
  refused 60 'the mirror does not have it' make setup
  as_root rm /etc/apt/sources.list.d/old.list
}

step 'apt-get install make git' first_line
step 'git clone' clone
step 'no /dev/fuse' no_fuse
step 'no network' refused 60 'no network' as_root unshare --net make setup
step 'a mirror without a suite' no_suite
step 'a file that is no package' refused 5 'is no Debian package of apptainer' make setup APPTAINER_DEB=README.md
step 'a file that is not there' refused 5 'no such file' make setup APPTAINER_DEB=/nowhere/apptainer.deb
