# shellcheck shell=bash
# step NAME LIMIT_S COMMAND…: runs a command with a time limit; what it printed, its exit code and its seconds go to esd/steps/NAME/.
# A command that hangs is ended, with whatever it left in the allocation, and the next step begins.
step() {
  local limit=$2 folder=esd/steps/$1 begun code
  shift 2
  mkdir -p "$folder"
  begun=$EPOCHREALTIME
  timeout --kill-after=5 "$limit" "$@" >"$folder/stdout" 2>"$folder/stderr" </dev/null
  code=$?
  awk -v code="$code" -v begun="$begun" -v now="$EPOCHREALTIME" 'BEGIN { printf "%d %.3f\n", code, now - begun }' >"$folder/end.part"
  mv "$folder/end.part" "$folder/end"
  case $code in
    124 | 137) end_steps ;;
  esac
  return 0
}

end_steps() { # an srun that was killed leaves its ranks behind: they would hold the nodes that the next step needs
  local step
  [ -n "${SLURM_JOB_ID:-}" ] || return 0
  for step in $(squeue --noheader --steps --jobs="$SLURM_JOB_ID" --format=%i 2>/dev/null); do
    case $step in
      *.batch | *.extern) ;;
      *) scancel --signal=KILL "$step" 2>/dev/null ;;
    esac
  done
}

image_is_here() {
  [ -r esd/image.sif ]
}
