#!/usr/bin/env bash
# The first process inside a fresh machine: guest.sh USER SCENARIO. Waits for the network, creates the newcomer and runs the scenario.
set -euo pipefail

user=$1 scenario=$2
# shellcheck source=/dev/null
. /fresh/environment
ip_is_up() { grep -q '^[^ ]*'$'\t''00000000' /proc/net/route; }
for _ in $(seq 50); do
  ip_is_up && break
  sleep 0.2
done
ip_is_up || { printf 'fresh-machine: the machine has no network: pasta did not connect it\n' >&2; exit 4; }

code=0
if [ "$user" = root ]; then
  cd /root && chmod 700 /root
  bash "/fresh/$scenario.sh" || code=$?
else
  # As after an installation of Debian with a first user who may use sudo. Other users cannot read their home folder.
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends sudo; } >/fresh/sudo.log 2>&1 ||
    { cat /fresh/sudo.log; exit 4; }
  useradd --create-home --shell /bin/bash newcomer
  chmod 700 /home/newcomer
  printf 'newcomer ALL=(ALL) NOPASSWD: ALL\n' >/etc/sudoers.d/newcomer
  touch /fresh/times
  chown newcomer: /fresh/times
  chown -R newcomer: /fresh/esd-images.git
  cd /home/newcomer
  runuser -u newcomer -- env HOME=/home/newcomer USER=newcomer bash "/fresh/$scenario.sh" || code=$?
fi
exit "$code"
