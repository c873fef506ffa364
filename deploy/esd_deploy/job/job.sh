#!/usr/bin/env bash
# Stage 2 of a run, in the batch job: checks that the ranks find each other, reports the versions inside, runs the program.
# Its exit code is the program's. The steps' command lines are functions in esd/launch.sh, which esd-deploy writes.
set -uo pipefail

die() {
  printf 'job on %s: %s\n' "$(uname -n)" "$*" | tee esd/failure.txt >&2
  exit 1
}

# shellcheck source=/dev/null
source esd/launch.sh || exit 1

prepare || die "the site's modules could not be loaded; correct \`modules\` in the site's configuration"
if [ -n "${ESD_IMAGE_REFERENCE:-}" ] && [ ! -r esd/image.sif ]; then
  die "the image is not readable here: does every node see \$$ESD_SCRATCH_VARIABLE?"
fi
wireup
case $? in
  0) ;;
  124 | 137) die "MPI wire-up hung: the ranks do not find each other; correct \`mpi\` and \`environment\` in the site's configuration" ;;
  *) die "MPI wire-up failed (messages above); correct \`mpi\` and \`environment\` in the site's configuration" ;;
esac
versions || printf 'job: the versions inside could not be read; they are missing in the record\n' >&2
program
