#!/usr/bin/env bash
# Checks what set-up refuses, how soon, and with which message.
set -euo pipefail
# shellcheck source=steps.sh
. /fresh/steps.sh

refused() { # SECONDS WORDS COMMAND…
  local limit=$1 words=$2 start=$SECONDS
  shift 2
  if "$@" >/tmp/refused.log 2>&1; then fail "not refused: $*"; fi
  sed 's/^/    /' /tmp/refused.log
  grep -qF -- "$words" /tmp/refused.log || fail "the message lacks the words: $words"
  [ $((SECONDS - start)) -le "$limit" ] || fail "it took $((SECONDS - start)) s, more than $limit s"
}

no_fuse() {
  as_root rm /dev/fuse
  refused 20 'no /dev/fuse' make setup
  as_root mknod -m 600 /dev/fuse c 10 229
}

no_namespaces() { # in a chroot the kernel refuses them, as in many containers
  as_root mkdir -p /mnt/closed
  as_root mount --rbind / /mnt/closed
  refused 20 'no user namespaces' as_root chroot /mnt/closed make -C "$PWD" setup
  as_root umount --lazy --recursive /mnt/closed
}

no_sid() { # the mirror has only this suite
  local mirror=/srv/mirror/debian own=/etc/apt/sources.list uri suite file
  read -r _ uri suite _ <"$own"
  as_root mkdir -p "$mirror/dists/$suite/main/binary-amd64"
  for file in InRelease main/binary-amd64/Packages.xz; do
    as_root /usr/lib/apt/apt-helper download-file "${uri%/}/dists/$suite/$file" "$mirror/dists/$suite/$file" >/dev/null
  done
  printf 'Acquire::Languages "none";\n' | as_root tee /etc/apt/apt.conf.d/99languages >/dev/null
  as_root mv "$own" "$own.saved"
  printf 'deb file:%s %s main\n' "$mirror" "$suite" | as_root tee "$own" >/dev/null
  refused 90 'make setup APPTAINER_DEB=FILE) failed: the mirror does not have it' make setup
  as_root mv "$own.saved" "$own"
  as_root apt-get update -qq
}

# Debian unstable's package: Debian 12 lacks its dependencies, Debian 13 installs it.
named_package() {
  local package=/srv/apptainer.deb
  as_root env ESD_STAGE=/srv/stage bash ci/install-apptainer.sh fetch
  as_root mv /srv/stage/apptainer.deb "$package"
  if [ "$(cut -d. -f1 /etc/debian_version)" = 12 ]; then
    refused 90 'does not fit this machine' make setup "APPTAINER_DEB=$package"
  else
    make setup "APPTAINER_DEB=$package"
    apptainer --version
  fi
}

no_suite() {
  sed -nE 's/^(deb [^ ]+) .*/\1 nosuchsuite main/p' /etc/apt/sources.list | head -n 1 | as_root tee /etc/apt/sources.list.d/old.list
  refused 90 'the mirror does not have it' make setup
  as_root rm /etc/apt/sources.list.d/old.list
}

step 'apt-get install make git' first_line
step 'git clone' clone
step 'no /dev/fuse' no_fuse
step 'no network' refused 90 'no network' as_root unshare --net make setup
step 'no user namespaces' no_namespaces
step 'a mirror without a suite' no_suite
step 'a mirror without sid and testing' no_sid
step 'a file that is not a package' refused 20 'is not a Debian package of apptainer' make setup APPTAINER_DEB=README.md
step 'a file that does not exist' refused 20 'no such file' make setup APPTAINER_DEB=/nowhere/apptainer.deb
step 'a package that the user names' named_package
