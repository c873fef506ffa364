#!/usr/bin/env bash
# Jülich's launcher on Debian 13: psid with psslurm and pspmix on both nodes. The source is FRESH_PSMGMT, an archive, else the public
# repository. On Debian 12 the refusal must say why. With an image of an earlier build on this machine, `validate` runs there, too.
set -euo pipefail
# shellcheck source=steps.sh
. /fresh/steps.sh

up=(.venv/bin/esd-deploy local up --name jsc --launcher parastation)
[ ! -f /fresh/psmgmt.tar.gz ] || up+=(--psmgmt /fresh/psmgmt.tar.gz)

refused() { # Debian 12
  if "${up[@]}" >/tmp/told.log 2>&1; then fail 'the site came up although Slurm and PMIx are too old'; fi
  cat /tmp/told.log
  grep -qF 'make fresh SUITE=trixie' /tmp/told.log || fail 'the message does not say what to do'
}

# shellcheck disable=SC2016 # the ranks' shell expands it
ranks() { # as the job user, through Slurm's own client and ParaStation's plugin
  local status slurm
  status=$(.venv/bin/esd-deploy local status --name jsc --json)
  slurm=$(sed -nE 's/.*"slurm_conf": "([^"]+)".*/\1/p' <<<"$status")
  cd / && as_root setpriv --reuid=esd --regid=esd --init-groups env -i PATH=/usr/bin:/bin HOME=/home/esd SLURM_CONF="$slurm" \
    srun --mpi=pspmix --nodes=2 --ntasks=4 sh -c 'echo "$SLURM_PROCID $(uname -n) ${PMIX_NAMESPACE:?no PMIx server}"'
}

step 'apt-get install make git' first_line
step 'git clone' clone
step 'make setup LAUNCHER=parastation' make setup LAUNCHER=parastation
if grep -q bookworm /etc/os-release; then
  step 'local up --launcher parastation, refused' refused
  exit
fi
step 'local up --launcher parastation' "${up[@]}"
(step 'srun --mpi=pspmix' ranks)
step 'local up, the second time' "${up[@]}"
step 'local down --purge' .venv/bin/esd-deploy local down --name jsc --purge
