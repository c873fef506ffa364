#!/usr/bin/env bash
# shellcheck disable=SC2154 # the names of common.sh
# Finds what would stop set-up or later builds, before minutes are spent. Sourced by ci/install-system.sh, as root.

needed_mb=2000 # packages and .venv; an image build checks its own space before it starts

need_debian() {
  command -v apt-get >/dev/null ||
    die "this is not Debian: install ${packages[*]} and Apptainer >= $minimum with this system's own tools, and add a user '$job_user'"
  [ "$(dpkg --print-architecture)" = amd64 ] || say "this machine is $(dpkg --print-architecture): only amd64 is tested"
}

need_space() {
  local free
  free=$(df -m --output=avail / | tail -n 1)
  [ "$free" -ge "$needed_mb" ] || die "not enough space: $free MB free on /, set-up needs $needed_mb MB (and an image build 4 GB in its cache): make room"
}

need_user_namespaces() {
  local limit
  setpriv --reuid=65534 --regid=65534 --clear-groups unshare --user --map-root-user true 2>/dev/null && return
  for limit in kernel/unprivileged_userns_clone=1 user/max_user_namespaces=15000 kernel/apparmor_restrict_unprivileged_userns=0; do
    [ ! -e "/proc/sys/${limit%=*}" ] || printf '    sysctl %s (is %s)\n' "${limit/\//.}" "$(cat "/proc/sys/${limit%=*}")" >&2
  done
  die "no user namespaces: an ordinary user of this machine cannot make one, and image builds need them. If this is a container, start it with
fewer limits (Docker: --security-opt seccomp=unconfined); otherwise change one of the settings above"
}

need_fuse() {
  [ -e /dev/fuse ] || modprobe fuse 2>/dev/null || true
  [ -e /dev/fuse ] || die "no /dev/fuse: images are mounted through it. Load the kernel module (modprobe fuse), or give the container the device (Docker: --device /dev/fuse)"
}

# A killed set-up leaves dpkg half-finished, and then every apt-get refuses to work.
finish_interrupted_dpkg() {
  [ -n "$(dpkg --audit 2>/dev/null)$(ls -A /var/lib/dpkg/updates)" ] || return 0
  say 'finishing an interrupted installation'
  quietly dpkg --configure -a || true
  quietly apt-get -y -qq -o "DPkg::Lock::Timeout=$lock_s" --fix-broken --no-install-recommends install || explain_apt "$log" 'finishing an interrupted installation (dpkg --configure -a; apt-get -f install)'
}

preflight() {
  need_debian
  need_space
  need_user_namespaces
  need_fuse
}
