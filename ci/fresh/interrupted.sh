#!/usr/bin/env bash
# Interrupts `make setup` and `make demo` at ten moments, alternately by Ctrl-C and SIGKILL, and starts them again. Also tries a
# half-configured package, a user `esd` with another home folder, and ports and addresses that are in use.
set -euo pipefail
# shellcheck source=steps.sh
. /fresh/steps.sh

interrupt() { # SIGNAL SECONDS COMMAND…
  local signal=$1 seconds=$2 started
  shift 2
  # A shell makes its background processes ignore Ctrl-C; env undoes that.
  env --default-signal=INT setsid "$@" >/tmp/interrupted.log 2>&1 &
  started=$!
  sleep "$seconds"
  # Uses bash's built-in kill: a new Debian has no program of that name.
  # shellcheck disable=SC2016 # the inner shell's words
  as_root bash -c 'kill "-$1" -- "-$2"' kill "$signal" "$started" 2>/dev/null || printf '    (it had already ended)\n'
  wait "$started" 2>/dev/null || true
  printf '    %s after %s s; its last line: %s\n' "$signal" "$seconds" "$(tail -n 1 /tmp/interrupted.log)"
  # Processes under sudo have a process group of their own. Wait until apt has ended, as a person would, before the next start.
  for _ in $(seq 60); do as_root fuser -s /var/lib/dpkg/lock-frontend 2>/dev/null || break; sleep 1; done
}

other_home() {
  as_root mkdir -p /srv/elsewhere
  as_root useradd --create-home --home-dir /srv/elsewhere/esd --shell /bin/bash esd
}

half_unpacked() { # as if the power had failed while dpkg worked
  as_root sed -i '/^Package: munge$/,/^$/s/^Status: .*/Status: install ok half-configured/' /var/lib/dpkg/status
}

clash() { # others use the ports that a site tries first, and a network of its range
  .venv/bin/esd-deploy local down --purge
  .venv/bin/python -c 'import socket, time
held = []
for port in (25030, 23030, 20030):
    held.append(socket.socket()); held[-1].bind(("", port)); held[-1].listen()
time.sleep(600)' &
  as_root ip link add taken type bridge # every kernel that can run a site supports bridges
  as_root ip addr add 10.231.0.1/16 dev taken
}

step 'apt-get install make git' first_line
step 'git clone' clone
step 'a user esd with another home' other_home
for moment in INT:2 KILL:6 INT:12 KILL:25 INT:40; do
  step "make setup, interrupted ($moment)" interrupt "${moment%:*}" "${moment#*:}" make setup
done
step 'make setup' make setup
step 'a half-configured package' half_unpacked
step 'make setup' make setup
for moment in KILL:2 INT:4 KILL:7 INT:11 KILL:16; do
  step "make demo, interrupted ($moment)" interrupt "${moment%:*}" "${moment#*:}" make demo
done
step 'ports and addresses that are in use' clash
step 'make demo' make demo
