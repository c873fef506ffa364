#!/usr/bin/env bash
# Renews the lock files: all of them, or with ENV/IMAGE only that image's. They hold versions and hashes but no addresses: the index is the one
# that this machine's own configuration names.
set -euo pipefail
cd "$(dirname "$0")/.."

lock() { .venv/bin/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links --no-header "$@"; }

lock_environment() { # FILE: the list of an environment, or of one image in it
  local environment python
  environment=$(cut -d/ -f1-2 <<<"$1")
  python=$(sed -n 's/^python: *"\([^"]*\)".*/\1/p' "$environment/release.yaml")
  lock --python-version "$python" --python-platform x86_64-manylinux_2_28 "$1" --output-file "${1%.in}.txt"
}

if [ $# -gt 0 ]; then
  [ -f "spack-envs/$1/requirements.in" ] || { printf 'lock: spack-envs/%s/requirements.in does not exist; esd-build new writes one\n' "$1" >&2; exit 3; }
  lock_environment "spack-envs/$1/requirements.in"
  exit 0
fi
lock --universal requirements/dev.in pyproject.toml --no-emit-package esd-images --output-file requirements/dev.txt
lock --universal --python-version 3.11 requirements/docs.in --output-file requirements/docs.txt
lock --universal --python-version 3.11 requirements/fuzz.in --output-file requirements/fuzz.txt
lock --universal --python-version 3.11 tests/real/queue-requirements.in --output-file tests/real/queue-requirements.txt
for release in spack-envs/*/requirements.in spack-envs/*/*/requirements.in; do lock_environment "$release"; done
