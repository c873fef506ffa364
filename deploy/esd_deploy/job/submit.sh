#!/usr/bin/env bash
# submit.sh [SCRIPT…]: a batch job as one job on the login node. Runs the scripts (the pull of an image), calls `sbatch --wait`, and ends as
# the batch job ends. Ended by a signal, it cancels the batch job; where it is killed without one, its guard does. The batch job's number
# is in esd/batch.id, what Slurm said of it at its end in esd/batch.details. It submits once: where sbatch gave up, it looks for the job.
set -uo pipefail

die() {
  printf 'submit on %s: %s\n' "$(uname -n)" "$*" | tee esd/failure.txt >&2
  exit 1
}

# By name, for sbatch keeps the number in its buffer while it waits; the job's folder has a name of its own.
ESD_BATCH_NAME=esd-$(basename "$PWD")
export ESD_BATCH_NAME
look_s=${ESD_LOOK_S:-5} # seconds between two looks for the batch job
silence=120             # looks without an answer after which it is given up

# shellcheck disable=SC2329 # the trap and the guard call it
cancel() {
  scancel --user="$(id -un)" --name="$ESD_BATCH_NAME"
}

pause() { # SECONDS: a signal ends it
  sleep "$1" &
  wait "$!"
}

batch_jobs() { # the numbers of this run's batch jobs that wait or run; fails where the controller does not answer
  timeout 60 squeue --noheader --user="$(id -un)" --name="$ESD_BATCH_NAME" --format=%A | sort -n
}

worked() { # sets id to the job that works, or has worked, in this folder
  read -r id _ 2>/dev/null <esd/claim && [ -n "$id" ]
}

find_job() { # sets id, where there is a job of this run; else none will begin any more
  local found silent=0 looks=0
  while [ "$looks" -lt 3 ] && [ "$silent" -lt "$silence" ]; do
    if worked; then return 0; fi
    if found=$(batch_jobs); then
      id=$(tail -n 1 <<<"$found")
      [ -z "$id" ] || return 0
      looks=$((looks + 1)) # what it took before it went silent may not be in its list yet
    else
      silent=$((silent + 1))
    fi
    pause "$look_s"
  done
  touch esd/over # claim.sh looks for it after it has made its claim
  worked
}

follow_job() { # until none of this run's jobs waits or runs; sets id to the one that worked, and code as that one ended
  local found number
  while ! found=$(batch_jobs) || [ -n "$found" ]; do
    pause "$look_s"
  done
  worked || true
  if read -r number _ code 2>/dev/null <esd/ended && [ "$number" = "$id" ]; then return; fi
  code=1
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
id=$(cut -d ';' -f 1 esd/batch.id) # NUMBER or NUMBER;CLUSTER
if [ -z "$id" ]; then
  # A controller that answers late may have taken the job all the same.
  if grep -qE 'timed out|[Cc]onnection|contact|Zero Bytes|Transport endpoint|temporarily' esd/sbatch.stderr && find_job; then
    printf 'submit on %s: sbatch gave up (%s), but Slurm has taken batch job %s; it is followed\n' "$(uname -n)" "$(tail -n 1 esd/sbatch.stderr)" "$id" >&2
    follow_job
  else
    touch esd/batch.ended
    die "sbatch: error: $(tail -n 3 esd/sbatch.stderr)"
  fi
fi
touch esd/batch.ended
scontrol show job --oneliner "$id" >esd/batch.details 2>/dev/null || true
# sbatch calls it a success where Slurm ended a job before it began.
if [ "$code" = 0 ] && grep -qE 'JobState=(CANCELLED|NODE_FAIL|BOOT_FAIL|DEADLINE|PREEMPTED|REVOKED)' esd/batch.details; then code=1; fi
cat esd/batch.stdout 2>/dev/null
cat esd/batch.stderr >&2 2>/dev/null
if [ -e esd/post.sh ]; then bash esd/enter.sh esd/post.sh; fi
exit "$code"
