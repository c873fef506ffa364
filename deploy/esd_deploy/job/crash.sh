# shellcheck shell=bash
# What tells a crash of MPI's start from a site that is set up wrongly: the ranks' own last words. Sourced by job.sh and starts.sh.

crash() { # FILE: what a rank said of its crash, with the function it was in; fails where no rank crashed
  local words place
  # UCX's words, Open MPI's, srun's (128 + the signal where the container ends for it). A rank that was killed because another crashed says none.
  words=$(grep -m1 -oE 'Caught signal [0-9]+ \([^)]*(\(nil\))?\)|Signal: [A-Z][A-Za-z ]* \([0-9]+\)|tasks? [-0-9,]+: (Segmentation fault|Bus error|Illegal instruction|Floating point exception|Aborted|Exited with exit code 13[24569])' "$1") || return 1
  place=$(frames "$1" | head -n1)
  printf '%s%s\n' "$words" "${place:+ in $place}" | tr -cd '[:alnum:] :_.,()\n-'
}

frames() { # FILE: the functions on the stack of the rank that crashed, the last one called first, without the handler's own
  grep -oE '\([A-Za-z_][A-Za-z0-9_]*\+0x[0-9a-f]+\)' "$1" | sed -E 's/^\(|\+.*$//g' | grep -vE '^(ucs_|gsignal|abort|raise|killpg)'
}

by_chance() { # FILE: a message came before MPI_Init was through (Open MPI's issue 12495), and another start may be well
  crash "$1" >/dev/null || return 1
  # Before MPI_COMM_WORLD had its queues: a read beside address 0. Before anybody was there for messages: a call of address 0, and no stack.
  grep -qE 'mca_pml_ob1_recv_frag_callback_[a-z_]+\+0x' "$1" ||
    { grep -qE '(at|address:?) \(nil\)' "$1" && [ -z "$(frames "$1")" ]; }
}
