#!/usr/bin/env bash
# Runs only the set-up, twice: the second time there is nothing to do. Then starts an image and a site.
set -euo pipefail
# shellcheck source=steps.sh
. /fresh/steps.sh

step 'apt-get install make git' first_line
start_image() ( # as the account that builds
  local image
  image=$(find "${ESD_IMAGES_CACHE:-/nowhere}/images" -name 'base-*.sif' -print -quit 2>/dev/null)
  [ -n "$image" ] || { printf '    this machine has no cached image\n' && return 0; }
  cd / # esd may enter this folder
  as_root setpriv --reuid=esd --regid=esd --init-groups env HOME=/home/esd apptainer exec --no-home --pwd / "$image" python3 --version
)

step 'git clone' clone
break_installer "$FRESH_BREAK"
step 'make setup' make setup
step 'make setup, again' make setup
step 'apptainer exec' start_image
step 'esd-deploy local up' .venv/bin/esd-deploy local up
