# shellcheck shell=bash
# Steps of srun's that the controller did not let begin, because it answered nobody: they are begun again, as long as no rank has run.
# Sourced by job.sh. Each time is a line of esd/start-crashes.jsonl.

ASKED=5 # so often a step is begun again

controller_answers() {
  timeout 30 squeue --noheader --jobs="$SLURM_JOB_ID" >/dev/null 2>&1
}

srun_alone() { # FILE FROM: srun says that the controller did not answer, and nobody but srun has spoken there since byte FROM
  local said
  said=$(tail -c "+$(($2 + 1))" -- "$1" | head -c 8192 | tr -d '\0')
  grep -qE '^srun: error: Unable to (confirm allocation|create step) for job [0-9]+: ' <<<"$said" &&
    grep -qE 'timed out|[Cc]onnection|contact|Zero Bytes|Transport endpoint' <<<"$said" &&
    ! grep -qv '^srun: ' <<<"$said"
}

once_more() { # ATTEMPT: notes it, and waits for the controller
  printf '{"attempt": %d, "reason": "no answer of the controller to srun"}\n' "$1" >>esd/start-crashes.jsonl
  printf 'job on %s: the controller did not answer srun, and no rank has run; once more (%d of at most %d)\n' "$(uname -n)" "$1" "$ASKED" >&2
  for _ in {1..30}; do
    if controller_answers; then break; fi
    sleep "${ESD_ASK_S:-5}"
  done
}

ended_by() { # FILE FROM CODE: the code of the rank that died first; srun tells the highest, which is often of a rank that it ended then
  local first=
  case $3 in
    137 | 143)
      [ ! -f "$1" ] || first=$(tail -c "+$(($2 + 1))" -- "$1" | LC_ALL=C awk '
        /^srun: .*Terminating (StepId|job step)/ { print code; exit }
        /^srun: error: .*: Exited with exit code [0-9]+$/ { code = $NF }')
      ;;
  esac
  return "${first:-$3}"
}

start() { # STEP: its exit code
  local attempt code from errors=/proc/$$/fd/2
  for ((attempt = 1; ; attempt++)); do
    from=$(stat -Lc %s "$errors")
    "$1"
    code=$?
    if [ "$code" = 0 ] || [ "$attempt" -gt "$ASKED" ] || [ ! -f "$errors" ] || ! srun_alone "$errors" "$from"; then
      ended_by "$errors" "$from" "$code"
      return
    fi
    once_more "$attempt"
  done
}
