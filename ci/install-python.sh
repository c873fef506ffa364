#!/usr/bin/env bash
# Makes .venv with the locked, hash-checked packages of requirements/dev.txt and this project. Does nothing where that is done
# already; may be interrupted and started again.
set -euo pipefail
cd "$(dirname "$0")/.."

die() {
  printf 'install-python: %s\n' "$*" >&2
  exit 4
}

# The system's interpreter first: the job user must be able to run it, which a private one in a home folder does not allow.
find_python() {
  local candidate
  for candidate in ${PYTHON:-/usr/bin/python3 python3}; do
    "$candidate" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && printf '%s\n' "$candidate" && return
  done
  die "needs Python 3.11 or newer with its venv module (Debian: apt-get install python3-venv), or name one: make setup PYTHON=…"
}

wanted=$(cat requirements/dev.txt pyproject.toml | sha256sum)
[ "$(cat .venv/installed 2>/dev/null)" = "$wanted" ] && exit 0

python=$(find_python)
printf '==> installing %s Python packages into .venv\n' "$(grep -c '^[a-z].*==' requirements/dev.txt)"
"$python" -m venv --clear .venv
install() {
  .venv/bin/pip install --disable-pip-version-check --no-input "$@" >>.venv/install.log 2>&1 ||
    { grep -E '^ *(ERROR|error)' .venv/install.log | tail -n 10 >&2; die "pip failed; its whole output is in .venv/install.log"; }
}
install --require-hashes -r requirements/dev.txt
install --no-build-isolation --no-deps -e .
printf '%s\n' "$wanted" >.venv/installed
