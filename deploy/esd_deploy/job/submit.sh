#!/usr/bin/env bash
# submit.sh [SCRIPT…]: a batch job as one job on the login node. Runs the scripts (the pull of an image), calls `sbatch --wait`, and ends as
# the batch job ends. Ended by a signal, it cancels the batch job; where it is killed without one, its guard does. The batch job's number
# is in esd/batch.id, what Slurm said of it at its end in esd/batch.details.
set -uo pipefail

die() {
  printf 'submit on %s: %s\n' "$(uname -n)" "$*" | tee esd/failure.txt >&2
  exit 1
}

# By name, for sbatch keeps the number in its buffer while it waits; the job's folder has a name of its own.
ESD_BATCH_NAME=esd-$(basename "$PWD")
export ESD_BATCH_NAME

# shellcheck disable=SC2329 # the trap and the guard call it
cancel() {
  scancel --user="$(id -un)" --name="$ESD_BATCH_NAME"
}

for before; do
  bash "$before" || exit
done
command -v sbatch >/dev/null || die "no program 'sbatch' here; use \`submit: unicore\` in the site's configuration"

trap 'cancel && touch esd/batch.ended; exit 143' TERM INT HUP
# In a session of its own, so that it outlives a kill of this job's whole process group.
export -f cancel
# shellcheck disable=SC2016 # "$1" is the guard's own
setsid bash -c 'touch esd/batch.guarded; while kill -0 "$1" 2>/dev/null; do sleep 2; done; [ -e esd/batch.ended ] || cancel' guard "$$" </dev/null >/dev/null 2>&1 &
# Until it has its session, a kill would take it along.
for _ in {1..100}; do
  [ ! -e esd/batch.guarded ] || break
  sleep 0.05
done

sbatch --wait --parsable --job-name="$ESD_BATCH_NAME" --output=esd/batch.stdout --error=esd/batch.stderr esd/batch.sh >esd/batch.id 2>esd/sbatch.stderr &
wait "$!"
code=$?
touch esd/batch.ended
id=$(cut -d ';' -f 1 esd/batch.id) # NUMBER or NUMBER;CLUSTER
[ -n "$id" ] || die "sbatch: error: $(tail -n 3 esd/sbatch.stderr)"
scontrol show job --oneliner "$id" >esd/batch.details 2>/dev/null || true
cat esd/batch.stdout 2>/dev/null
cat esd/batch.stderr >&2 2>/dev/null
exit "$code"
