# shellcheck shell=bash
# The check that the ranks find each other, before any rank of the program has run. Sourced by job.sh; needs die, and launch.sh's functions.
# shellcheck source=/dev/null
source esd/crash.sh || exit 1

RESTARTS=2 # starts that die by chance are made again so often

wire_up() {
  local attempt silent=0 code
  for ((attempt = 1; ; attempt++)); do
    wireup >esd/wireup.log 2>&1
    code=$?
    if [ "$code" != 0 ] && [ "$silent" -lt "$ASKED" ] && unanswered "$code"; then
      silent=$((silent + 1)) attempt=$((attempt - 1))
      once_more "$silent"
      continue
    fi
    if [ "$code" = 0 ] || [ "$attempt" -gt "$RESTARTS" ] || ! by_chance esd/wireup.log; then break; fi
    # Not shown among the job's messages: Slurm's words of a cancelled step there would be taken for the job's end.
    mv esd/wireup.log "esd/wireup.$attempt.log"
    printf '{"attempt": %d, "reason": "%s"}\n' "$attempt" "$(crash "esd/wireup.$attempt.log")" >>esd/start-crashes.jsonl
    printf 'job on %s: MPI crashed at its start; once more (%d of at most %d)\n' "$(uname -n)" "$attempt" "$RESTARTS" >&2
  done
  cat esd/wireup.log >&2
  [ "$code" = 0 ] || not_wired_up "$code" "$attempt"
  rm -f esd/wireup.log
}

unanswered() { # CODE: whether the check did not begin, because the controller answers nobody; a hang of the ranks looks alike
  srun_alone esd/wireup.log 0 || case $1 in
    124 | 137) [ -n "${SLURM_JOB_ID:-}" ] && ! grep -qv '^srun: ' esd/wireup.log && ! controller_answers ;;
    *) false ;;
  esac
}

not_wired_up() { # CODE ATTEMPTS: says why, as far as the ranks' words tell; a crash says nothing of the site's settings
  local how
  if how=$(crash esd/wireup.log); then crashed "$how" "$2"; fi
  if declare -F visible >/dev/null && ! visible; then
    die "the job's folder $PWD is not visible inside the container; add its file system to \`binds\` in the site's configuration"
  fi
  case $1 in
    124 | 137) die "MPI wire-up hung: the ranks do not find each other; correct \`mpi\` and \`environment\` in the site's configuration" ;;
    *) die "MPI wire-up failed (messages above); correct \`mpi\` and \`environment\` in the site's configuration" ;;
  esac
}

crashed() { # HOW ATTEMPTS
  case $1 in
    *"llegal instruction"* | *"exit code 132"*) die "MPI crashed at its start ($1): the image is for another processor; see \`esd-deploy validate --only processor\`" ;;
  esac
  if by_chance esd/wireup.log; then
    die "MPI crashed at its start $2 times ($1): a message came before MPI_Init was through; see \`esd-deploy validate --only fence --only starts\`"
  fi
  die "MPI crashed at its start ($1; messages above): neither the program nor a setting is known to be wrong; see \`esd-deploy validate\`"
}
