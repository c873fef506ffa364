#!/usr/bin/env bash
# make matrix: which images this run of a pipeline builds ($NIGHTLY: all, else what is quick). For GitLab in dist/pipeline.yml, for GitHub as
# the output `images` of its step, for a person on the terminal.
set -euo pipefail
cd "$(dirname "$0")/.."

options=()
[ -z "${NIGHTLY:-}" ] || options=(--nightly)
mkdir -p dist
.venv/bin/esd-build matrix --for gitlab "${options[@]}" >dist/pipeline.yml
if [ -n "${GITHUB_OUTPUT:-}" ]; then
  images=$(.venv/bin/esd-build matrix --for github "${options[@]}")
  printf 'images=%s\n' "$images" >>"$GITHUB_OUTPUT"
fi
.venv/bin/esd-build matrix "${options[@]}"
