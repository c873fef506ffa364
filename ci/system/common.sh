#!/usr/bin/env bash
# shellcheck disable=SC2034 # the scripts that source this use the names
# What set-up and removal share: sourced by ci/install-system.sh, ci/install-apptainer.sh and ci/uninstall.sh.

# Whatever the user has set: programs' answers are read here, and what is installed is for all users of the machine.
export LC_ALL=C.UTF-8
umask 022

# shellcheck source=disk.sh
. "$(dirname "${BASH_SOURCE[0]}")/disk.sh"

job_user=esd
minimum=1.3 # the first Apptainer with --sharens
below=2     # nothing newer was tried

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

say() { printf '==> %s\n' "$*"; }
die() {
  printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2
  exit 4
}

timed() { # TITLE COMMAND…: says what is done, and how long it took. Not to be used where a failure is caught: set -e must hold in it
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

# Whether Apptainer is there as a whole: it starts, and has the folder that it mounts its sessions on. An unpacking that was cut off,
# or one that leaves out a package's empty folders, has the program and not the folder.
have_apptainer() {
  local found sessions
  found=$(apptainer_version) && [ -n "$found" ] || return 1
  dpkg-query -W -f '${db:Status-Status}' apptainer 2>/dev/null | grep -vqx -e installed -e not-installed && return 1
  sessions=$(apptainer buildcfg 2>/dev/null | sed -n 's/^SESSIONDIR=//p')
  [ -d "${sessions:-/}" ]
}

need_package() { # FILE that the user named
  [ -f "$1" ] || die "APPTAINER_DEB=$1: no such file"
  dpkg-deb --field "$1" Package 2>/dev/null | grep -qx apptainer || die "APPTAINER_DEB=$1 is no Debian package of apptainer"
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
mirror in /etc/apt; to accept an index of that age: printf 'Acquire::Check-Valid-Until \"false\";\\n' > /etc/apt/apt.conf.d/99old-index" ;;
    *'No space left'* | *"don't have enough free space"*) reason="the disk is full: make room on / ($(df -h --output=avail / | tail -n 1 | tr -d ' ') free)" ;;
    *'Could not get lock'*) reason='another apt or dpkg is at work on this machine: wait for it to end' ;;
    *'does not have a Release file'* | *'404  Not Found'*)
      reason="the mirror does not have it: $(grep -oE "repository '[^']+'|Failed to fetch [^ ]+" "$log" | head -n 1)" ;;
    *'NO_PUBKEY'* | *'is not signed'*) reason='its signature cannot be checked: update the package debian-archive-keyring' ;;
    *'Temporary failure'* | *'Could not resolve'* | *'ould not connect'* | *'Network is unreachable'* | *'Connection '* | *'Unable to connect'*)
      reason='no network: the mirror cannot be reached (is a proxy missing in /etc/apt/apt.conf.d?)' ;;
    *) reason=$(grep -E '^[EW]:|error' "$log" | tail -n 5) || true ;;
  esac
  die "$what failed: ${reason:-see $log}"
}
