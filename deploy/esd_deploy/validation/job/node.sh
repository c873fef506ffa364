#!/usr/bin/env bash
# What a node is like outside of the container: lines "node<TAB>key<TAB>value". Nothing here may fail the whole.
# Parameters by the job's environment: ESD_APPTAINER, ESD_SCRATCH_VARIABLE, ESD_IMAGE_REFERENCE.
node=${SLURMD_NODENAME:-login}
say() { printf '%s\t%s\t%s\n' "$node" "$1" "$2"; }
one_line() { tr '\n\t' '  '; }

say host "$(uname -n)"
say architecture "$(uname -m)"
say user "$(id -u)"
say vendor "$(sed -n 's/^vendor_id[[:space:]]*: //p' /proc/cpuinfo | head -n 1)"
say flags "$(grep -m 1 -E '^(flags|Features)' /proc/cpuinfo | cut -d : -f 2)"
say cpus "$(nproc)"

program=$(command -v "${ESD_APPTAINER:-apptainer}")
say apptainer "$program"
say apptainer_version "$("${program:-false}" --version 2>&1 | one_line)"
starter=$(dirname "$(dirname "${program:-/none/none}")")/libexec/apptainer/bin/starter-suid
if [ -u "$starter" ]; then say setuid yes; else say setuid no; fi
say namespaces "$(unshare --user true 2>&1 && echo allowed | one_line)"
say namespaces_most "$(cat /proc/sys/user/max_user_namespaces 2>/dev/null)"

scratch=${!ESD_SCRATCH_VARIABLE:-}
say scratch "$scratch"
writable() { # FOLDER: by a new file of a name that nobody can know before; a link that waits under a known name would empty what it leads to
  local file
  if [ -n "$1" ] && file=$(mktemp "$1/.esd-validation.XXXXXXXXXX" 2>/dev/null); then
    rm -f "$file"
    echo yes
  else
    echo no
  fi
}
say scratch_writable "$(writable "$scratch")"
say folder_writable "$(writable esd)"
say tmp_writable "$(writable /tmp)"
say tmp "$(stat -c %d:%i /tmp)"
[ -r esd/image.sif ] && say image_sha256 "$(sha256sum <esd/image.sif | cut -d ' ' -f 1)"

address=${ESD_IMAGE_REFERENCE#oras://}
address=${address%%/*}
port=${address##*:}
[ "$port" = "$address" ] && port=443
if timeout 3 bash -c "exec 3<>'/dev/tcp/${address%%:*}/$port'" 2>/dev/null; then say registry reached; else say registry "not reached"; fi

# Nodes may be seen together (two on one machine): what belongs to this very step, on whichever node, is not left over.
of_this_step() { grep -qzx "SLURM_STEP_ID=${SLURM_STEP_ID:-}" "/proc/$1/environ" && grep -qzx "SLURM_JOB_ID=${SLURM_JOB_ID:-}" "/proc/$1/environ"; }
# Another job of this user on the same node has files and processes of its own; they are not this job's to clean.
of_another_job() {
  local job
  job=$(tr '\0' '\n' 2>/dev/null <"/proc/$1/environ" | sed -n 's/^SLURM_JOB_ID=//p')
  [ -n "$job" ] && [ "$job" != "${SLURM_JOB_ID:-}" ]
}
mapped_elsewhere() { # names in /dev/shm that processes of other jobs have in use
  local folder
  for folder in /proc/[0-9]*; do
    of_another_job "${folder#/proc/}" && sed -nE 's|.* /dev/shm/([^/ ]+).*|\1|p' "$folder/maps"
  done 2>/dev/null
}
others() {
  ps -u "$(id -u)" -o pid=,ppid=,stat=,comm= | while read -r pid parent state name; do
    case $name in
      bash | srun | slurm* | timeout) continue ;;
      # The tools of this script: one that begins or ends just now cannot be told from its environment.
      awk | cat | cut | dirname | find | grep | head | id | nproc | ps | sed | sha256sum | sort | stat | tr | uname | unshare) continue ;;
    esac
    of_another_job "$pid" || of_another_job "$parent" || of_this_step "$pid" || of_this_step "$parent" || printf '%s %s\n' "$state" "$name"
  done 2>/dev/null
}
found=$(others)
say zombies "$(awk '$1 ~ /^Z/ { print $2 }' <<<"$found" | sort | one_line)"
say processes "$(awk '$1 !~ /^Z/ { print $2 }' <<<"$found" | sort | one_line)"
say shared_memory "$(find /dev/shm -mindepth 1 -maxdepth 1 -user "$(id -u)" -printf '%f\n' 2>/dev/null | grep -vxF -f <(mapped_elsewhere) | sort | one_line)"
instances=${APPTAINER_CONFIGDIR:-$HOME/.apptainer}/instances
say instances "$(find "$instances" -name '*.json' -path "*/$(uname -n)/*" 2>/dev/null | sort | one_line)"
