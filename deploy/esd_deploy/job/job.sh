#!/usr/bin/env bash
# Stage 2 of a run, in the batch job: checks that the ranks find each other, reports the versions inside, runs the program, and
# notes what it left. Its exit code is the program's. The steps' command lines are functions in esd/launch.sh, which esd-deploy writes.
set -uo pipefail

die() {
  printf 'job on %s: %s\n' "$(uname -n)" "$*" | tee esd/failure.txt >&2
  note_end 1
  exit 1
}

# By its real name: a container does not see a folder by a link to it that lies elsewhere.
cd -P . || exit 1
# shellcheck source=/dev/null
source esd/claim.sh || exit 1
# shellcheck source=/dev/null
source esd/inventory.sh || exit 1
# shellcheck source=/dev/null
source esd/launch.sh || exit 1
# shellcheck source=/dev/null
source esd/steps.sh || exit 1
# shellcheck source=/dev/null
source esd/wireup.sh || exit 1

claim
ESD_JOB_BEGAN=$(date +%s) # a service counts its time limit from here
export ESD_JOB_BEGAN
begin_attempt
keep_output
prepare || die "the site's modules could not be loaded, or a bind is not known there (messages above); correct \`modules\` and \`binds\` in the site's configuration"
if [ -n "${ESD_IMAGE_REFERENCE:-}" ] && [ ! -r esd/image.sif ]; then
  die "the image is not readable here: does every node see \$$ESD_SCRATCH_VARIABLE?"
fi
spread || printf 'job: the image could not be copied to the nodes; it is read from the shared folder\n' >&2
# The very file that runs, read on each node: what the login node saw says nothing of it.
[ -z "${ESD_IMAGE_REFERENCE:-}" ] || start digests >esd/image.digests || die "the image on a node is not the one that was asked for, or others could change it (messages above)"
wire_up
# wireup.py has read them by the way, where it could.
[ -s esd/versions.json ] || start versions || printf 'job: the versions inside could not be read; they are missing in the record\n' >&2
start program
code=$?
drop_output
note_results || printf 'job: the hashes of the results could not be noted; their transfer is checked by size only\n' >&2
note_end "$code"
exit "$code"
