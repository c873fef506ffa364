#!/usr/bin/env bash
# Steps that print how long they took, and the sum. Sourced by ci/demo.sh.

duration() { # SECONDS
  if [ "$1" -lt 60 ]; then printf '%d s' "$1"; else printf '%d min %d s' "$(($1 / 60))" "$(($1 % 60))"; fi
}

taken=()
step() { # TITLE COMMAND…
  local title=$1 start=$SECONDS
  shift
  printf '\n\033[1m%s\033[0m\n' "$title"
  "$@"
  taken+=("$title: $(duration "$((SECONDS - start))")")
  printf '    %s\n' "$(duration "$((SECONDS - start))")"
}

tell_times() { # TITLE: prints all steps and their sum
  printf '\n'
  printf '    %s\n' "${taken[@]}"
  printf '%s: %s\n' "$1" "$(duration "$SECONDS")"
}
