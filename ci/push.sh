#!/usr/bin/env bash
# Pushes an image: push.sh NAME IMAGE [OPTION ...], with the options that built it. Without $REGISTRY it goes to the local site's, which must
# be up. With MOVE=no the moving tag stays where it is: `make promote` moves it, once the image has proven itself. The reference is kept in
# dist/images/NAME.reference.
set -euo pipefail
cd "$(dirname "$0")/.."

name=$1 registry=${REGISTRY:-}
shift
if [ -z "$registry" ]; then
  read -r host ESD_REGISTRY_CA < <(.venv/bin/esd-deploy local status --json |
    python3 -c 'import json, sys; site = json.load(sys.stdin); print(site["registry"] or "", site["ca_file"] or "")') || true
  [ -n "$host" ] || { printf 'push: the local site is not up: esd-deploy local up, or name a registry: make push REGISTRY=host/project\n' >&2; exit 4; }
  export ESD_REGISTRY_CA
  registry=$host/esd
fi
[ "${MOVE:-yes}" = yes ] || set -- "$@" --no-move
reference=$(.venv/bin/esd-build push "$@" --registry "$registry")
printf '%s\n' "$reference" >"dist/images/$name.reference"
printf '%s\n' "$reference"
