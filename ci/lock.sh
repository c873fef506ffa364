#!/usr/bin/env bash
# Renews the lock files. They hold versions and hashes but no addresses: the index is whatever the machine's own configuration names.
set -euo pipefail
cd "$(dirname "$0")/.."

lock() { .venv/bin/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links --no-header "$@"; }

lock --universal requirements/dev.in pyproject.toml --no-emit-package esd-images --output-file requirements/dev.txt
lock --universal --python-version 3.11 requirements/docs.in --output-file requirements/docs.txt
for release in spack-envs/*/requirements.in spack-envs/*/*/requirements.in; do
  environment=$(cut -d/ -f1-2 <<<"$release")
  python=$(sed -n 's/^python: *"\(.*\)"/\1/p' "$environment/release.yaml")
  lock --python-version "$python" --python-platform x86_64-manylinux_2_28 "$release" --output-file "${release%.in}.txt"
done
