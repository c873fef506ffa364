#!/usr/bin/env bash
# unpack.sh APPTAINER IMAGE: the image's programs as plain files on this node's own disk, and in esd/tree.sh how they are run there.
# unpack.sh --remove: tidies up.
set -euo pipefail
tree=${TMPDIR:-/tmp}/esd-tree-$SLURM_JOB_ID
if [ "$1" = --remove ]; then
  chmod -R u+w "$tree" 2>/dev/null || true
  rm -rf "$tree"
  exit 0
fi
mkdir -p "$tree"
# Only what the user may read; the container's root file system alone, not what is bound into it.
# shellcheck disable=SC2016 # the container's shell expands it
"$1" exec "$2" sh -c 'tar -C / --one-file-system --ignore-failed-read -cf - $(cd / && ls -d usr opt etc lib* bin) 2>/dev/null' | tar -C "$tree" -xf -
"$1" exec "$2" python3 esd/layout.py "$tree" >esd/tree.sh
