#!/usr/bin/env bash
# Only the set-up, twice: the second one finds all there. Then an image is started, and a site.
set -euo pipefail
# shellcheck source=steps.sh
. /fresh/steps.sh

step 'apt-get install make git' first_line
start_image() ( # as the account that builds
  local image
  image=$(find "${ESD_IMAGES_CACHE:-/nowhere}/images" -name 'base-*.sif' -print -quit 2>/dev/null)
  [ -n "$image" ] || { printf '    no image is kept on this machine\n' && return 0; }
  cd / # which esd may enter
  as_root setpriv --reuid=esd --regid=esd --init-groups env HOME=/home/esd apptainer exec --no-home --pwd / "$image" python3 --version
)

step 'git clone' clone
break_installer "$FRESH_BREAK"
step 'make setup' make setup
step 'make setup, again' make setup
step 'apptainer exec' start_image
step 'esd-deploy local up' .venv/bin/esd-deploy local up
