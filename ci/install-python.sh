#!/usr/bin/env bash
# Makes .venv with this project and the locked, hash-checked packages of requirements/dev.txt. Does nothing if .venv is up to date.
# Can be interrupted and started again.
set -euo pipefail
cd "$(dirname "$0")/.."
trap 'exit 143' TERM # bash runs this after the current command has ended, so that nothing still writes into .venv

# shellcheck source=system/disk.sh
. ci/system/disk.sh

die() {
  printf 'install-python: %s\n' "$*" >&2
  exit 4
}

explain() { # OUTPUT of the command that failed; on a full disk it may be empty
  local reason
  if reason=$(full_disk . "$HOME" /tmp); then die "could not make .venv: $reason"; fi
  printf '%s\n' "$1" >&2
  die 'could not make .venv: the log is .venv/install.log; the next start begins anew'
}

# The system's interpreter comes first: the job user must be able to run it, and cannot run one in somebody's home folder.
find_python() {
  local candidate
  for candidate in ${PYTHON:-/usr/bin/python3 python3}; do
    "$candidate" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && printf '%s\n' "$candidate" && return
  done
  die "needs Python 3.11 or newer with its venv module (Debian: apt-get install python3-venv), or name one: make setup PYTHON=…"
}

wanted=$(cat requirements/dev.txt pyproject.toml | sha256sum)
[ "$(cat .venv/installed 2>/dev/null)" = "$wanted" ] && exit 0

packages=requirements/dev.txt
count=$(grep -c '^[a-z].*==' "$packages")

noted() { "$@" >>.venv/install.log 2>&1; }
pip() { noted .venv/bin/pip install --disable-pip-version-check --no-input "$@"; }

# uv does not read pip's configuration: if pip is configured for another index, pip installs.
uv_knows_the_index() { ! .venv/bin/pip config list | grep -qE 'index-url|no-index|trusted-host|client-cert|proxy|constraint'; }

# uv is locked and hash-checked like the other packages. It takes seconds where pip takes a minute.
install_by_uv() {
  awk '/^uv==/ { on = 1 } on { print } on && !/\\$/ { exit }' "$packages" >.venv/uv.txt
  pip --require-hashes -r .venv/uv.txt || return
  VIRTUAL_ENV=.venv SSL_CERT_FILE=${SSL_CERT_FILE:-${PIP_CERT:-/etc/ssl/certs/ca-certificates.crt}} \
    noted .venv/bin/uv --no-config pip install --require-hashes -r "$packages"
}

install_all() {
  { uv_knows_the_index && install_by_uv; } || pip --require-hashes -r "$packages" || return
  pip --no-build-isolation --no-deps -e .
}

python=$(find_python)
printf '==> installing %s Python packages into .venv\n' "$count"
made=$("$python" -m venv --clear .venv 2>&1) || explain "$made"
install_all || explain "$(grep -iE '^ *(ERROR|error)|No space left' .venv/install.log | tail -n 10)"
printf '%s\n' "$wanted" 2>/dev/null >.venv/installed || explain ''
printf '    installing %s Python packages: %s s\n' "$count" "$SECONDS"
