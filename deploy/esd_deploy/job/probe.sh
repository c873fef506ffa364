#!/usr/bin/env bash
# Asks a site about itself. Prints sections `== name`, each with what a program answered; what cannot be asked stays empty.
# Runs on a login node and, in a batch job, on a compute node. ESD_SCRATCH_VARIABLE and ESD_APPTAINER come by the environment.
section() { # NAME COMMAND…
  printf '== %s\n' "$1"
  shift
  timeout 60 "$@" 2>&1 || true
}

section host uname -n
section architecture uname -m
section system cat /etc/FZJ/systemname
section cpu grep -m 3 -E '^(vendor_id|flags|Features|CPU implementer)' /proc/cpuinfo
section cores nproc --all
section mpi srun --mpi=list
section slurm sinfo --version
section partitions sinfo --noheader --format='%R|%l|%c|%m|%D|%G'
section mpi_default bash -c 'scontrol show config | grep -i ^MpiDefault'
section apptainer "${ESD_APPTAINER:-apptainer}" --version
section namespaces unshare --user --map-root-user echo allowed
section modules bash -lc 'module -t avail 2>&1 | grep -i -E "ebrains|esd|apptainer|singularity"'
scratch=${!ESD_SCRATCH_VARIABLE:-}
section scratch printf '%s\n' "$scratch"
section free df --output=avail -B1 "${scratch:-/nowhere}"
section file_system stat --file-system --format=%T "${scratch:-/nowhere}"
section python python3 --version
