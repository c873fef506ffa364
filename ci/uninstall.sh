#!/usr/bin/env bash
# make uninstall: removes what `make setup` installed, according to its record in /var/lib/esd-images/setup: local sites, packages that
# were not installed before, the job user with its image cache, subordinate ids, the mode of /dev/fuse, and .venv. Says what it leaves and why.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=system/common.sh
. "$here/system/common.sh"
# shellcheck source=system/packages.sh
. "$here/system/packages.sh"
sites=/var/lib/esd-localsite
left=()

remove_sites() {
  local folder name
  [ -d "$sites" ] || return 0
  say "stopping local sites and removing $sites"
  for folder in "$sites"/*/; do
    name=$(basename "$folder")
    [ ! -d "$folder" ] || "$here/../.venv/bin/esd-deploy" local down --name "$name" --purge >/dev/null 2>"$log" ||
      die "the local site '$name' does not stop: $(tail -n 1 "$log"); stop it from its own checkout: esd-deploy local down --name $name --purge"
  done
  rm -rf "$sites"
}

# Packages that set-up installed and that nothing else needs: apt names them once they are marked as automatically installed.
removable() {
  local name noted=()
  while read -r name; do
    if is_installed "$name"; then noted+=("$name"); fi
  done < <(sort -u "$record/packages")
  [ ${#noted[@]} -gt 0 ] || return 0
  apt-mark auto "${noted[@]}" >/dev/null
  apt-get -s -o APT::AutoRemove::RecommendsImportant=false -o APT::AutoRemove::SuggestsImportant=false autoremove |
    sed -nE 's/^Remv ([^ ]+) .*/\1/p' | sort -u | comm -12 - <(printf '%s\n' "${noted[@]}" | sort -u)
}

remove_packages() {
  local going name
  [ -f "$record/packages" ] || return 0
  mapfile -t going < <(removable)
  if [ ${#going[@]} -gt 0 ]; then
    say "removing ${#going[@]} packages that set-up installed"
    quietly apt-get -y -qq purge "${going[@]}" || explain_apt "$log" 'removing packages'
  fi
  while read -r name; do
    if is_installed "$name"; then left+=("package $name: another package needs it"); fi
  done < <(sort -u "$record/packages")
}

remove_accounts() {
  local who range
  if [ -e "$record/made-$job_user" ] && id "$job_user" >/dev/null 2>&1; then
    say "removing the user '$job_user' and its home folder, which holds the images that were built"
    userdel --remove "$job_user" 2>"$log" || left+=("user $job_user: $(tail -n 1 "$log")")
  elif id "$job_user" >/dev/null 2>&1; then
    left+=("user $job_user and its home folder: the user existed before set-up")
  fi
  while read -r who range; do
    if id "$who" >/dev/null 2>&1; then usermod --del-subuids "$range" --del-subgids "$range" "$who"; fi
  done < <(cat "$record/subordinate-ids" 2>/dev/null)
}

tell_what_is_left() {
  local home cache line
  home=$(getent passwd "${SUDO_USER:-root}" | cut -d: -f6)
  for cache in "$home/.cache/esd-images" "$home/.cache/pip"; do
    [ ! -d "$cache" ] || left+=("$cache: downloads and images of that account; other checkouts use them")
  done
  for cache in dist runs; do
    [ ! -d "$here/../$cache" ] || left+=("$cache/ in this checkout: your images and results")
  done
  if [ -n "$(apptainer_version)" ]; then left+=("$(command -v apptainer): set-up did not install this file as a package"); fi
  left+=("system accounts of removed packages (slurm, munge, …): Debian keeps them so that no other account gets their ids")
  left+=("apt's and dpkg's own lists, logs and backups")
  say 'not removed:'
  for line in "${left[@]}"; do printf '    %s\n' "$line"; done
}

if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || die "needs root, and there is no sudo: run 'make uninstall' as root"
  exec sudo bash "$0"
fi
touch "$log"
remove_sites
remove_packages
remove_accounts
[ ! -f "$record/fuse-mode" ] || chmod "$(cat "$record/fuse-mode")" /dev/fuse
let_services_start
rm -rf "$here/../.venv" /opt/esd-images /var/lib/esd-images /usr/lib/esd-images
rm -f "$log"
tell_what_is_left
