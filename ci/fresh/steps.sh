#!/usr/bin/env bash
# The steps of a newcomer. The scenarios source this in the fresh machine.

# shellcheck source=/dev/null
. /fresh/environment
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
fail() {
  printf 'fresh-machine: %s\n' "$*" >&2
  exit 1
}

step() { # TITLE COMMAND…
  local title=$1 start=$SECONDS
  shift
  printf '\n==> fresh machine: %s\n' "$title"
  "$@" || { tail -n 60 .venv/install.log 2>/dev/null; printf '%s: FAILED\t%s\n' "$title" "$((SECONDS - start))" >>/fresh/times; fail "$title failed"; }
  printf '%s\t%s\n' "$title" "$((SECONDS - start))" >>/fresh/times
}

first_line() {
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq make git ca-certificates >/tmp/first.log 2>&1 || { cat /tmp/first.log; return 1; }
}

clone() {
  git clone --quiet /fresh/esd-images.git esd-images 2>/dev/null || return
  cd esd-images || return
}

# Breaks the installer on purpose: it loses a package's empty directories, a package that it needs, or a file's mode.
# shellcheck disable=SC2016 # $tree is the installer's
break_installer() {
  case $1 in
    directory) sed -i 's/^  unpacked -R .*/&; find "$tree" -type d -empty -delete/' ci/install-apptainer.sh ;;
    package) sed -i 's/^  slurm-wlm /  /' ci/system/common.sh ;;
    mode) sed -i 's/^  unpacked -R .*/&; chmod 644 "$tree"\/usr\/lib\/*\/apptainer\/bin\/starter/' ci/install-apptainer.sh ;;
    *) return 0 ;;
  esac
  git diff --quiet && fail "the break '$1' changes nothing: the text of the installer has changed"
  git --no-pager diff --unified=0 | grep '^[-+]'
}

run_tests() { PYTEST_ADDOPTS="${FRESH_TESTS:-}" make test; }
