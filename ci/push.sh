#!/usr/bin/env bash
# Pushes an image: push.sh NAME IMAGE [OPTION ...], with the options that built it. Without $REGISTRY it pushes to the registry of the local
# site, which must be up. With MOVE=no the moving tag stays where it is, and `make promote` moves it after validation. The reference is
# written to dist/images/NAME.reference.
set -euo pipefail
cd "$(dirname "$0")/.."

name=$1 REGISTRY=${REGISTRY:-}
shift
if [ -z "$REGISTRY" ]; then
  # shellcheck source=registry-login.sh
  . ci/registry-login.sh
  local_registry ""
fi
[ "${MOVE:-yes}" = yes ] || set -- "$@" --no-move
reference=$(.venv/bin/esd-build push "$@" --registry "$REGISTRY")
printf '%s\n' "$reference" >"dist/images/$name.reference"
printf '%s\n' "$reference"
