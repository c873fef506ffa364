#!/usr/bin/env bash
# shellcheck disable=SC2154 # the names of common.sh
# The unprivileged user that runs all jobs of the local site, and root's builds. Sourced by ci/install-system.sh, as root.

make_job_user() {
  if ! id "$job_user" >/dev/null 2>&1; then
    say "creating the unprivileged user '$job_user', which runs root's builds and all jobs of the local site"
    mkdir -p "$record"
    touch "$record/made-$job_user"
    useradd --create-home --shell /bin/bash --comment 'esd-images builds and jobs' "$job_user"
  fi
  give_subordinate_ids "$job_user"
  [ -z "${SUDO_USER:-}" ] || [ "$SUDO_USER" = root ] || give_subordinate_ids "$SUDO_USER"
  local home
  home=$(getent passwd "$job_user" | cut -d: -f6)
  setpriv --reuid="$job_user" --regid="$(id -g "$job_user")" --init-groups test -w "$home" ||
    die "the user '$job_user' existed already and cannot write to its home folder $home: create it (mkhomedir_helper $job_user) or change its owner"
}

# Rootless builds map a range of ids. useradd gives one to each new user; older users may have none.
give_subordinate_ids() {
  local first
  has_subordinate_ids "$1" && return
  first=$(awk -F: '{ end = $2 + $3; if (end > last) last = end } END { print (last > 100000 ? last : 100000) }' /etc/subuid /etc/subgid 2>/dev/null || echo 100000)
  mkdir -p "$record"
  printf '%s %s-%s\n' "$1" "$first" "$((first + 65535))" >>"$record/subordinate-ids"
  usermod --add-subuids "$first-$((first + 65535))" --add-subgids "$first-$((first + 65535))" "$1"
}

open_fuse() {
  # Debian's udev gives /dev/fuse the mode 0666. Without udev, only root may be able to open it.
  fuse_is_open && return
  mkdir -p "$record"
  [ -e "$record/fuse-mode" ] || stat -L -c %a /dev/fuse >"$record/fuse-mode"
  chmod 666 /dev/fuse
}
