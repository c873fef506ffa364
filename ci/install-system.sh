#!/usr/bin/env bash
# Installs what Debian 12 lacks for building images and running the local site: Slurm, munge, an OCI registry, Apptainer
# with its helpers, and the unprivileged user that builds and jobs run as. Needs root or sudo. Does nothing where all is
# there already; may be interrupted and started again. SERVER=unicorex: also what the real UNICORE/X needs (Java, Maven).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
job_user=esd

packages=(
  ca-certificates debootstrap fakeroot fuse-overlayfs fuse3 squashfs-tools squashfuse uidmap # rootless image builds
  slurm-wlm munge libpmix-dev iproute2 util-linux                                           # two nodes on one machine; Slurm opens libpmix.so, which is in -dev
  docker-registry                                                                          # an OCI registry
  environment-modules                                                                      # `module load` in jobs of the local site
  patchelf python3-venv                                                                    # what the installers use
)

say() { printf '==> %s\n' "$*"; }
die() {
  printf 'install-system: %s\n' "$*" >&2
  exit 4
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "needs root for: $* — run 'make setup' as root, or install sudo"
  fi
}

if [ "${SERVER:-}" = unicorex ]; then
  packages+=(default-jre-headless maven git) # the real UNICORE/X, its jars, its TSI
fi

missing_packages() {
  local name
  for name in "${packages[@]}"; do
    dpkg-query -W -f '${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed || printf '%s\n' "$name"
  done
}

install_packages() {
  local missing
  mapfile -t missing < <(missing_packages)
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || die "not a Debian machine; install by its own means: ${missing[*]}"
  say "installing ${#missing[@]} Debian packages: ${missing[*]}"
  as_root apt-get update -qq
  # The packages' own services must not start: the local site runs its own instances, on its own ports.
  as_root env DEBIAN_FRONTEND=noninteractive bash -s -- "${missing[@]}" <<'ROOT'
set -euo pipefail
if [ ! -e /usr/sbin/policy-rc.d ]; then
  printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
apt-get install -y -qq --no-install-recommends "$@" > /var/log/esd-images-install.log 2>&1 ||
  { tail -n 20 /var/log/esd-images-install.log >&2; exit 4; }
ROOT
}

make_job_user() {
  id "$job_user" >/dev/null 2>&1 && return 0
  say "making the unprivileged user '$job_user' (builds as root and all jobs of the local site run as this user)"
  as_root useradd --create-home --shell /bin/bash --comment "esd-images builds and jobs" "$job_user"
}

open_fuse() {
  # Debian's udev gives /dev/fuse mode 0666; a machine without udev may have kept it for root alone.
  [ -e /dev/fuse ] || die "no /dev/fuse: the kernel needs the fuse module (modprobe fuse)"
  [ "$(stat -c %a /dev/fuse)" = 666 ] || as_root chmod 666 /dev/fuse
}

install_packages
make_job_user
open_fuse
as_root bash "$here/install-apptainer.sh"
