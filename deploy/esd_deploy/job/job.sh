#!/usr/bin/env bash
# Stage 2 of a run, in the batch job: checks that the ranks find each other, reports the versions inside, runs the program, and
# notes the hash of each result. Its exit code is the program's. The steps' command lines are functions in esd/launch.sh, which
# esd-deploy writes.
set -uo pipefail

die() {
  printf 'job on %s: %s\n' "$(uname -n)" "$*" | tee esd/failure.txt >&2
  exit 1
}

note_hashes() { # of what the program left; not of links, and not of files that the batch system and UNICORE still write
  find . \( -path './.UNICORE_*' -o -path ./esd/plain-names \) -prune -o -type f ! -path ./esd/image.sif ! -path ./stdout ! -path ./stderr ! -path './esd/batch.*' \
    ! -path './bss_*' ! -path './UNICORE_*' ! -path './TSI_submit_*' ! -path ./esd/results.sha256.part -print0 |
    xargs -0 -r sha256sum --zero -- >esd/results.sha256.part && mv esd/results.sha256.part esd/results.sha256
}

plain_names() { # UNICORE replaces $HOME, $LOGNAME and $USER in the path of a file that it is asked for: such results get links of other names
  local entry number=0
  rm -rf esd/plain-names
  # shellcheck disable=SC2016 # the very text
  find . -type f \( -path '*$HOME*' -o -path '*$LOGNAME*' -o -path '*$USER*' \) -printf '%s %p\0' |
    while IFS= read -r -d '' entry; do # SIZE ./PATH
      mkdir -p esd/plain-names
      ln -s "$PWD/${entry#* }" "esd/plain-names/$number"
      printf '%s %s\0' "$number" "$entry" >>esd/plain-names/list
      number=$((number + 1))
    done
}

# shellcheck source=/dev/null
source esd/launch.sh || exit 1

prepare || die "the site's modules could not be loaded; correct \`modules\` in the site's configuration"
if [ -n "${ESD_IMAGE_REFERENCE:-}" ] && [ ! -r esd/image.sif ]; then
  die "the image is not readable here: does every node see \$$ESD_SCRATCH_VARIABLE?"
fi
spread || printf 'job: the image could not be copied to the nodes; it is read from the shared folder\n' >&2
# The very file that runs, read on each node: what the login node saw says nothing of it.
[ -z "${ESD_IMAGE_REFERENCE:-}" ] || digests >esd/image.digests || die "the image on a node is not the one that was asked for, or others could change it (messages above)"
wireup
case $? in
  0) ;;
  124 | 137) die "MPI wire-up hung: the ranks do not find each other; correct \`mpi\` and \`environment\` in the site's configuration" ;;
  *) die "MPI wire-up failed (messages above); correct \`mpi\` and \`environment\` in the site's configuration" ;;
esac
# wireup.py has read them by the way, where it could.
[ -s esd/versions.json ] || versions || printf 'job: the versions inside could not be read; they are missing in the record\n' >&2
program
code=$?
plain_names
note_hashes || printf 'job: the hashes of the results could not be noted; their transfer is checked by size only\n' >&2
exit "$code"
