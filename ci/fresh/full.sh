#!/usr/bin/env bash
# A disk that runs full in the middle of `make setup` and of `make demo`: one message that says so, nothing half, and the next start goes on.
# The machine's root is a small disk of its own (machine.sh); what fills it is one large file, which is removed again.
set -euo pipefail
# shellcheck source=steps.sh
. /fresh/steps.sh

ballast=/ballast
log=/dev/shm/full.log # not on the disk that is full

fill_disk() { # MB that stay free
  local free
  free=$(df -m --output=avail / | tail -n 1)
  as_root fallocate -l "$((free - $1))M" "$ballast" 2>/dev/null || true # while others write, too
  [ "$1" != 0 ] || as_root sh -c "cat /dev/zero >>$ballast" 2>/dev/null || true
}

make_room() { as_root rm -f "$ballast"; }

told_once() { # the log of a command that failed: what fills the disk is named, and nothing of a program's inside
  sed 's/^/    /' "$log" | tail -n 8
  [ "$(grep -ciE 'disk is full|no space|disk full' "$log")" -ge 1 ] || fail 'the message does not say that the disk is full'
  if grep -q 'Traceback' "$log"; then fail 'the message shows a program from the inside'; fi
}

refused() { # COMMAND…: on a disk with little room from the start
  fill_disk 1000
  if "$@" >"$log" 2>&1; then fail 'not refused'; fi
  make_room
  told_once
}

full_at() { # WORDS COMMAND…: the disk is full from the moment on when the command prints the words
  local words=$1 started
  shift
  : >"$log"
  "$@" >"$log" 2>&1 &
  started=$!
  until grep -qF -- "$words" "$log"; do
    [ -e "/proc/$started" ] || { cat "$log"; fail "it ended before it printed: $words"; }
    sleep 0.02
  done
  fill_disk 0
  if wait "$started"; then fail "it ended well on a full disk (at: $words)"; fi
  make_room
  told_once
}

no_half_environment() { # .venv is whole or not taken for whole
  rm -rf .venv
  full_at 'Python packages into .venv' ci/install-python.sh
  [ ! -e .venv/installed ] || fail 'a half .venv counts as whole'
}

step 'apt-get install make git' first_line
step 'git clone' clone
step 'no room for set-up' refused make setup
step 'full while Debian packages are installed' full_at 'Debian packages' make setup
step 'full while Apptainer is installed' full_at '==> installing Apptainer' make setup
step 'make setup' make setup
step 'full while .venv is filled' no_half_environment
step 'make setup' make setup
step 'full while the image is handed out' full_at '1/5  the image' make demo
step 'full while the site starts' full_at '2/5  the local site' make demo
step 'full while the image is pushed' full_at '3/5  push' make demo
step 'full while the network runs' full_at '4/5  the balanced network' make demo
step 'make demo' make demo
