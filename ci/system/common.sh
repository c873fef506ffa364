#!/usr/bin/env bash
# shellcheck disable=SC2034 # the scripts that source this use the names
# What set-up and removal share. Sourced by ci/install-system.sh, ci/install-apptainer.sh and ci/uninstall.sh.

# Override the user's settings: the scripts parse the output of programs, and all users must be able to read what is installed.
export LC_ALL=C.UTF-8
umask 022

# shellcheck source=disk.sh
. "$(dirname "${BASH_SOURCE[0]}")/disk.sh"

job_user=esd
minimum=1.3 # the first Apptainer with --sharens
below=2     # newer versions are not tested

# What set-up did to this machine, so that `make uninstall` can undo it.
record=${ESD_SETUP_RECORD:-/var/lib/esd-images/setup}

packages=(
  ca-certificates debootstrap fakeroot fuse-overlayfs fuse3 squashfs-tools squashfuse uidmap # rootless image builds
  slurm-wlm munge libpmix-dev iproute2 util-linux                                           # two nodes on one machine; Slurm opens libpmix.so, which is in -dev
  docker-registry                                                                          # an OCI registry
  environment-modules                                                                      # `module load` in jobs of the local site
  patchelf python3-venv                                                                    # what the installers use
)

if [ "${SERVER:-}" = unicorex ]; then
  packages+=(default-jre-headless maven git) # the real UNICORE/X, its jars, its TSI
fi

if [ "${LAUNCHER:-}" = parastation ]; then # what psid, psslurm and pspmix are built with (Debian 13)
  packages+=(bison build-essential flex gawk git pkg-config)
  packages+=(libglib2.0-dev libhwloc-dev libjson-c-dev libmunge-dev libnuma-dev libpam0g-dev libpopt-dev libslurm-dev)
fi

say() { printf '==> %s\n' "$*"; }
die() {
  printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2
  exit 4
}

timed() { # TITLE COMMAND…: prints the title, and how long the command took. Never call it where a failure is caught: it relies on set -e
  local title=$1 start=$SECONDS
  shift
  say "$title"
  "$@"
  printf '    %s: %d s\n' "$title" "$((SECONDS - start))"
}

is_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

missing_packages() {
  local name
  for name in "${packages[@]}"; do
    is_installed "$name" || printf '%s\n' "$name"
  done
}

apptainer_version() { apptainer --version 2>/dev/null | awk '{print $3}'; }

# Whether Apptainer is completely installed: it starts, and the folder on which it mounts its sessions exists. After an interrupted
# unpacking, or one that skipped empty folders, the program exists but not the folder.
have_apptainer() {
  local found sessions
  found=$(apptainer_version) && [ -n "$found" ] || return 1
  dpkg-query -W -f '${db:Status-Status}' apptainer 2>/dev/null | grep -vqx -e installed -e not-installed && return 1
  sessions=$(apptainer buildcfg 2>/dev/null | sed -n 's/^SESSIONDIR=//p')
  [ -d "${sessions:-/}" ]
}

need_package() { # FILE that the user named
  [ -f "$1" ] || die "APPTAINER_DEB=$1: no such file"
  dpkg-deb --field "$1" Package 2>/dev/null | grep -qx apptainer || die "APPTAINER_DEB=$1 is not a Debian package of apptainer"
}

fuse_is_open() { [ "$(stat -L -c %a /dev/fuse 2>/dev/null)" = 666 ]; }
has_subordinate_ids() { grep -q "^$1:" /etc/subuid && grep -q "^$1:" /etc/subgid; } 2>/dev/null

everything_is_there() {
  [ -z "${APPTAINER_DEB:-}" ] && command -v dpkg-query >/dev/null && [ -z "$(missing_packages)" ] &&
    id "$job_user" >/dev/null 2>&1 && has_subordinate_ids "$job_user" && fuse_is_open && have_apptainer
}

# Why apt failed, in one line: explain_apt LOG WHAT
explain_apt() {
  local log=$1 what=$2 reason
  if reason=$(full_disk / /var /var/cache/apt/archives /usr); then die "$what failed: $reason"; fi
  case $(cat "$log") in
    *'is expired (invalid since'* | *'is not valid yet'*)
      reason="the mirror's index is out of date, or this machine's clock is wrong (it says $(date +%F)). Correct the clock, or name another \
mirror in /etc/apt. To accept the old index: printf 'Acquire::Check-Valid-Until \"false\";\\n' > /etc/apt/apt.conf.d/99old-index" ;;
    *'No space left'* | *"don't have enough free space"*) reason="the disk is full: make room on / ($(df -h --output=avail / | tail -n 1 | tr -d ' ') free)" ;;
    *'Could not get lock'*) reason='another apt or dpkg is running on this machine: wait until it ends' ;;
    *'does not have a Release file'* | *'404  Not Found'*)
      reason="the mirror does not have it: $(grep -oE "repository '[^']+'|Failed to fetch [^ ]+" "$log" | head -n 1)" ;;
    *'NO_PUBKEY'* | *'is not signed'*) reason='the signature cannot be checked: update the package debian-archive-keyring' ;;
    *'Temporary failure'* | *'Could not resolve'* | *'ould not connect'* | *'Network is unreachable'* | *'Connection '* | *'Unable to connect'*)
      reason='no network: apt cannot reach the mirror (is a proxy missing in /etc/apt/apt.conf.d?)' ;;
    *) reason=$(grep -E '^[EW]:|error' "$log" | tail -n 5) || true ;;
  esac
  die "$what failed: ${reason:-see $log}"
}
