#!/usr/bin/env bash
# Runs README's commands on a machine with unusual settings: German messages, umask 077, a /tmp that forbids programs (noexec), and a
# distant time zone.
set -euo pipefail
# shellcheck source=steps.sh
. /fresh/steps.sh

speak_german() {
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq locales tzdata >/tmp/locales.log 2>&1 || { cat /tmp/locales.log; return 1; }
  as_root localedef -i de_DE -f UTF-8 de_DE.UTF-8
  as_root ln -sf /usr/share/zoneinfo/Pacific/Auckland /etc/localtime
  as_root mount -t tmpfs -o mode=1777,noexec,nosuid,nodev tmpfs /tmp
}

step 'German, umask 077, noexec on /tmp' speak_german
export LANG=de_DE.UTF-8 LC_ALL=de_DE.UTF-8
umask 077
# shellcheck source=newcomer.sh
. /fresh/newcomer.sh
