#!/usr/bin/env bash
# Compares the machine's files before `make setup` and after `make uninstall`. They may differ only in the paths listed here.
set -euo pipefail
# shellcheck source=steps.sh
. /fresh/steps.sh

# The records of apt and dpkg, backups and caches that Debian's tools write, and the files of the checkout and of pip.
expected='^/(fresh|proc|sys|dev|run|tmp|root|home)[/ ]
^/var/lib/(apt|dpkg|systemd|ucf|python)[/ ]
^/var/cache/(apt|debconf|ldconfig|man)[/ ]
^/var/log/(apt[/ ]|dpkg\.log|alternatives\.log|faillog|lastlog|wtmp|btmp)
^/etc/(passwd|group|shadow|gshadow|subuid|subgid)-[ ]
^/etc/(ld\.so\.cache|\.pwd\.lock|mailcap|machine-id)[ ]
^/etc/(passwd|group|shadow|gshadow)[ ]' # accounts of packages, which Debian keeps

files() { # FILE: writes a list of all files: kind, mode, owner, target and hash
  local others
  others=$(tr '\n' '|' <<<"$expected" | sed 's/|$//')
  {
    as_root find / -xdev -printf '%p %M %u:%g %l\n'
    as_root find / -xdev -type f -print0 | as_root xargs -0 sha256sum | sed -E 's/^([0-9a-f]+)  (.*)/\2 \1/'
  } 2>/dev/null | grep -vE "$others" | sort >"$1"
}

remove() {
  make uninstall
  if id esd 2>/dev/null || [ -e /var/lib/esd-localsite ] || [ -e .venv ] || command -v apptainer; then fail 'something that set-up installed is still there'; fi
}

compare() {
  files /tmp/after
  diff /tmp/before /tmp/after >/tmp/differences && return
  cat /tmp/differences
  return 1
}

step 'apt-get install make git' first_line
step 'git clone' clone
files /tmp/before
step 'make setup' make setup
step 'local site up' .venv/bin/esd-deploy local up
step 'make uninstall' remove
step 'only listed paths are left' compare
