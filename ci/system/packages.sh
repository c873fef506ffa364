#!/usr/bin/env bash
# shellcheck disable=SC2154 # the names of common.sh
# Installs Debian packages and records which are new. Sourced by ci/install-system.sh and ci/install-apptainer.sh, as root.

log=/var/log/esd-images-install.log
policy=/usr/sbin/policy-rc.d
policy_mark='# made by esd-images; goes when its set-up ends'
export DEBIAN_FRONTEND=noninteractive

lock_s=300 # how long another apt or dpkg is waited for

quietly() { "$@" >"$log" 2>&1; }

# The packages' services must not start: the local site runs its own instances on its own ports.
keep_services_down() {
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\n%s\nexit 101\n' "$policy_mark" >"$policy"
    chmod 755 "$policy"
  fi
  trap let_services_start EXIT
}

let_services_start() {
  if grep -qsx "$policy_mark" "$policy"; then rm -f "$policy"; fi
}

# A new machine often updates itself after its first start. apt waits for another one's installation, when told to, but never for its update.
update_lists() {
  local end=$((SECONDS + lock_s))
  until quietly apt-get -qq -o APT::Update::Error-Mode=any -o Acquire::Retries=2 update; do
    grep -q 'Could not get lock' "$log" && [ "$SECONDS" -lt "$end" ] || explain_apt "$log" 'apt-get update'
    sleep 2
  done
}

install_packages() { # PACKAGE|FILE…
  local options=(-y -qq --no-install-recommends -o "DPkg::Lock::Timeout=$lock_s" -o Dpkg::Options::=--force-confold)
  mkdir -p "$record"
  quietly apt-get -s "${options[@]}" install "$@" || explain_apt "$log" "installing $*"
  # Recorded before the installation starts, so that an interrupted one can be undone. Lines with [version] are upgrades.
  sed -nE 's/^Inst ([^ ]+) \([^[].*/\1/p' "$log" >>"$record/packages"
  quietly apt-get "${options[@]}" install "$@" || explain_apt "$log" "installing $*"
}
