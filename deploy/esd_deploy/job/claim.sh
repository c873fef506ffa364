# shellcheck shell=bash
# Which of a run's batch jobs works. A batch system that answers late is asked again, and then has the same run several times: all of its
# jobs begin in one folder. One of them works, the others end at once. Read by job.sh; the notes are in esd/:
#   claim          the number of the job that works: a link is made once, on every file system (hard links, else an exclusive create)
#   jobs/NUMBER    what each job decided: `works`, `gives way to NUMBER`, `obeys the end of the run`
#   ended          `NUMBER ATTEMPT CODE` of the job that worked, when its program has ended; NUMBER is `login` on a login node
#   over           written by esd-deploy: the run was declared over, and no job of it begins any more

other_job=75 # sysexits.h: EX_TEMPFAIL

newer_job() { # the number of the newest batch job of this run, where that is a later one than this
  local newest
  [ "${SLURM_JOB_NAME:-}" = "${ESD_BATCH_NAME:-none}" ] || return 1
  # %i is NUMBER+0, NUMBER+1, … for the components of one job, each of which has a number of its own besides
  newest=$(timeout 15 squeue --noheader --user="$(id -un)" --name="$SLURM_JOB_NAME" --format=%i 2>/dev/null | sed 's/+.*//' | sort -n | tail -n 1)
  [[ $newest =~ ^[0-9]+$ ]] && [ "$newest" -gt "$SLURM_JOB_ID" ] && printf '%s' "$newest"
}

note_job() { # TEXT
  printf '%s\n' "$1" >"esd/jobs/$SLURM_JOB_ID" || true
}

link_claim() { # fails where another job's claim is there
  local note=esd/jobs/.$SLURM_JOB_ID.$$
  printf '%s\n' "$SLURM_JOB_ID" >"$note" && {
    ln "$note" esd/claim 2>/dev/null || (set -o noclobber && printf '%s\n' "$SLURM_JOB_ID" >esd/claim) 2>/dev/null
  }
  rm -f "$note"
}

end_for() { # NUMBER: of the job that works. Its exit code is this one's, where it has ended already.
  local number code
  note_job "gives way to $1"
  printf 'job: batch job %s of this run works; this one (%s) ends\n' "$1" "$SLURM_JOB_ID" >&2
  if read -r number _ code 2>/dev/null <esd/ended && [ "$number" = "$1" ]; then
    exit "$code"
  fi
  exit "$other_job"
}

claim() { # comes back in the one job that works, also when Slurm starts that one again
  local newer holder=
  [ -n "${SLURM_JOB_ID:-}" ] || return 0 # a login node begins a job once
  mkdir -p esd/jobs
  if [ ! -e esd/claim ]; then
    # The server follows the job that it submitted last.
    if newer=$(newer_job); then end_for "$newer"; fi
    link_claim || true
  fi
  for _ in 1 2 3 4 5; do # an exclusive create is seen before its content
    read -r holder 2>/dev/null <esd/claim && break
    sleep 1
  done
  [ -n "$holder" ] || die "cannot write into the job's folder $PWD: is the disk full?"
  [ "$holder" = "$SLURM_JOB_ID" ] || end_for "$holder"
  # Looked at after the claim is made: esd-deploy writes `over` first and looks for a claim then.
  if [ -e esd/over ]; then
    note_job 'obeys the end of the run'
    note_end "$other_job"
    printf 'job: this run was declared over before batch job %s began; it ends\n' "$SLURM_JOB_ID" >&2
    exit "$other_job"
  fi
  note_job works
}

note_end() { # CODE
  printf '%s %s %s\n' "${SLURM_JOB_ID:-login}" "${SLURM_RESTART_COUNT:-0}" "$1" >esd/ended.part && mv esd/ended.part esd/ended
}
