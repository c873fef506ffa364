#!/usr/bin/env bash
# unpack.sh APPTAINER IMAGE: the image's programs as plain files on this node's own disk, and in esd/tree.sh how they are run there.
# unpack.sh --remove: tidies up.
set -euo pipefail
if [ "$1" = --remove ]; then
  tree=$(<esd/tree.path)
  chmod -R u+w "$tree" 2>/dev/null || true
  rm -rf "$tree"
  exit 0
fi
# A new folder, closed to all others: what runs from a folder that a neighbour laid there under a known name, the neighbour chooses.
tree=$(mktemp -d "${TMPDIR:-/tmp}/esd-tree.XXXXXXXXXX")
printf '%s\n' "$tree" >esd/tree.path
# Only what the user may read; the container's root file system alone, not what is bound into it.
# shellcheck disable=SC2016 # the container's shell expands it
"$1" exec "$2" sh -c 'tar -C / --one-file-system --ignore-failed-read -cf - $(cd / && ls -d usr opt etc lib* bin) 2>/dev/null' | tar -C "$tree" -xf -
"$1" exec "$2" python3 esd/layout.py "$tree" >esd/tree.sh
