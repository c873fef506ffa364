#!/usr/bin/env bash
# The disk becomes full in the middle of `make setup` and `make demo`. Each time one message says so, nothing half-finished counts as
# finished, and the next start continues. The machine's root is a small disk of its own (machine.sh), and one large file fills it.
set -euo pipefail
# shellcheck source=steps.sh
. /fresh/steps.sh

ballast=/ballast
log=/dev/shm/full.log # not on the full disk

fill_disk() { # MEGABYTES that stay free
  local free
  free=$(df -m --output=avail / | tail -n 1)
  as_root fallocate -l "$((free - $1))M" "$ballast" 2>/dev/null || true # others write at the same time
  [ "$1" != 0 ] || as_root sh -c "cat /dev/zero >>$ballast" 2>/dev/null || true
}

make_room() { as_root rm -f "$ballast"; }

told_once() { # the log of the failed command says that the disk is full, and shows no traceback
  sed 's/^/    /' "$log" | tail -n 8
  [ "$(grep -ciE 'disk is full|no space|not enough space|disk full' "$log")" -ge 1 ] || fail 'the message does not say that the disk is full'
  if grep -q 'Traceback' "$log"; then fail 'the output has a traceback'; fi
}

refused() { # COMMAND…: must fail on a disk that has little space from the start
  fill_disk 1000
  if "$@" >"$log" 2>&1; then fail 'not refused'; fi
  make_room
  told_once
}

full_at() { # WORDS COMMAND…: fills the disk when the command prints the words
  local words=$1 started
  shift
  : >"$log"
  "$@" >"$log" 2>&1 &
  started=$!
  until grep -qF -- "$words" "$log"; do
    [ -e "/proc/$started" ] || { cat "$log"; fail "the command ended before it printed: $words"; }
    sleep 0.02
  done
  fill_disk 0
  if wait "$started"; then fail "the command succeeded on a full disk (at: $words)"; fi
  make_room
  told_once
}

no_half_environment() { # an incomplete .venv does not count as complete
  rm -rf .venv
  full_at 'Python packages into .venv' ci/install-python.sh
  [ ! -e .venv/installed ] || fail 'an incomplete .venv counts as complete'
}

step 'apt-get install make git' first_line
step 'git clone' clone
step 'not enough space for set-up' refused make setup
step 'full while Debian packages are installed' full_at 'Debian packages' make setup
step 'full while Apptainer is installed' full_at '==> installing Apptainer' make setup
step 'make setup' make setup
step 'full while .venv is filled' no_half_environment
step 'make setup' make setup
step 'full while the image is copied from the cache' full_at '1/5  the image' make demo
step 'full while the site starts' full_at '2/5  the local site' make demo
step 'full while the image is pushed' full_at '3/5  push' make demo
step 'full while the network runs' full_at '4/5  the balanced network' make demo
step 'make demo' make demo
