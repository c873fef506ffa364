#!/usr/bin/env bash
# Plays a newcomer on a new machine. debootstrap makes a minimal Debian, which runs in its own namespaces (processes, mounts, host name,
# network). The newcomer clones the committed HEAD there and runs README's commands. Only the cache stays on this machine afterwards.
#
#   ci/fresh-machine.sh [--suite bookworm|trixie] [--as root|sudo] [--cold] [--break directory|package|mode] [--scenario NAME]
#
# Exit codes: 0 everything worked, 1 a step of the newcomer failed, 3 wrong usage, 4 this machine cannot make a fresh machine.
set -euo pipefail
cd "$(dirname "$0")/.."

suite=bookworm user=root scenario=newcomer cold='' fault=''
. ci/fresh/root.sh

die() {
  local code=$1
  shift
  printf 'fresh-machine: %s\n' "$*" >&2
  exit "$code"
}

read_options() {
  while [ $# -gt 0 ]; do
    case $1 in
      --suite) suite=${2:-} && shift ;;
      --as) user=${2:-} && shift ;;
      --scenario) scenario=${2:-} && shift ;;
      --break) fault=${2:-} && shift ;;
      --cold) cold=yes ;;
      *) die 3 "unknown option $1; usage: $(sed -n 's/^#   //p' "$0")" ;;
    esac
    shift
  done
  [[ $suite =~ ^(bookworm|trixie)$ ]] || die 3 "--suite $suite: bookworm (Debian 12) or trixie (Debian 13)"
  [[ $user =~ ^(root|sudo)$ ]] || die 3 "--as $user: root or sudo (an ordinary user who may use sudo)"
  [[ $fault =~ ^(|directory|package|mode)$ ]] || die 3 "--break $fault: directory, package or mode"
  [ -f "ci/fresh/$scenario.sh" ] || die 3 "--scenario $scenario: ci/fresh/$scenario.sh does not exist"
}

need_tools() {
  [ "$(id -u)" = 0 ] || die 4 "needs root, to mount file systems and make namespaces (sudo make fresh …)"
  local missing=() pair
  for pair in debootstrap:debootstrap pasta:passt unshare:util-linux git:git; do
    command -v "${pair%:*}" >/dev/null || missing+=("${pair#*:}")
  done
  [ ${#missing[@]} = 0 ] && return
  printf '==> installing the tools that make a fresh machine: %s\n' "${missing[*]}"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 "${missing[@]}"; } >/dev/null ||
    die 4 "apt-get could not install ${missing[*]}"
}

need_namespaces() {
  unshare --mount --pid --uts --ipc --net --cgroup --fork true 2>/dev/null ||
    die 4 "root cannot make namespaces here (a container without CAP_SYS_ADMIN?), so the fresh machine CANNOT BE SHOWN on this machine"
}

# The machine is one process tree in one PID namespace: killing its first process ends all of them, and `wait` returns when they are gone.
# shellcheck disable=SC2329 # by trap
end_machine() {
  local first=''
  if [ -n "${machine:-}" ]; then
    read -r first _ <"/proc/$machine/task/$machine/children" 2>/dev/null || true # the file does not end with a newline
    [ -z "$first" ] || kill -KILL "$first" 2>/dev/null || true
    wait "$machine" 2>/dev/null || true
  fi
  rm -rf --one-file-system "$place"
}

# Removes the roots of killed runs: nobody holds their lock.
sweep() {
  local old
  for old in "$places"/esd-fresh.*; do
    if [ -d "$old" ] && flock --nonblock "$old" true; then rm -rf --one-file-system "$old"; fi
  done
}

run_machine() {
  # From here on no process may outlive this script, even if SIGKILL ends it.
  setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --mount-proc \
    bash ci/fresh/machine.sh "$place/root" "$suite" "$user" "$scenario" "${cold:-$kept}" {held}<&- </dev/null &
  machine=$!
  local code=0
  wait "$machine" || code=$?
  machine=''
  keep_downloads "$place/root"
  [ ! -f "$place/root/fresh/times" ] || report "$code" <"$place/root/fresh/times"
  return "$code"
}

report() {
  printf '\n==> fresh machine: %s as %s%s%s: %s\n' "$suite" "$user" "${cold:+, cold}" "${fault:+, broken on purpose ($fault)}" \
    "$([ "$1" = 0 ] && printf 'everything worked' || printf 'FAILED (exit code %s)' "$1")"
  awk -F'\t' '{ printf "    %-40s %2d min %02d s\n", $1, $2 / 60, $2 % 60 }'
}

main() {
  read_options "$@"
  need_tools
  need_namespaces
  places=${ESD_FRESH_PLACE:-/var/tmp}
  sweep
  place=$(mktemp -d "$places/esd-fresh.XXXXXX")
  trap end_machine EXIT
  trap 'exit 130' INT TERM HUP
  exec {held}<"$place"
  flock "$held"
  unpack_root "$place/root"
  configure_root "$place/root"
  fill_root "$place/root"
  run_machine
}

main "$@"
exit # bash reads no further, so a checkout that changes meanwhile does not change what runs
