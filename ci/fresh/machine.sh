#!/usr/bin/env bash
# The first process of a fresh machine, seen from outside: machine.sh ROOT SUITE USER SCENARIO KEPT. KEPT is the folder with downloads of
# earlier machines, or `yes` for a cold machine. This script runs in its own PID and mount namespaces, connects the machine's network to
# this machine's by pasta, and ends with the machine. Called by ci/fresh-machine.sh.
set -euo pipefail

# Moves this process into the machine. It must see neither the files that this script reads nor this machine's mounts.
enter() {
  local root=$1 suite=$2 device
  mount --make-rprivate /
  if [ "$scenario" = full ]; then
    move_to_own_disk "$root"
    root=$root.own
  else
    mount --bind "$root" "$root"
  fi
  mount -o remount,bind,suid,dev,exec "$root"
  mount -t proc proc "$root/proc"
  mount -t sysfs -o ro sysfs "$root/sys"
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup" 2>/dev/null || true
  mount -t tmpfs -o mode=755 tmpfs "$root/run"
  mount -t tmpfs -o mode=755,size=64k tmpfs "$root/dev"
  for device in 'null 1 3' 'zero 1 5' 'full 1 7' 'random 1 8' 'urandom 1 9' 'tty 5 0'; do
    # shellcheck disable=SC2086 # three words
    mknod -m 666 "$root/dev/"${device%% *} c ${device#* }
  done
  mknod -m 600 "$root/dev/fuse" c 10 229 # there is no udev here to open it: set-up must do it
  mkdir "$root/dev/pts" "$root/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
  mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
  ln -s pts/ptmx "$root/dev/ptmx"
  ln -s /proc/self/fd "$root/dev/fd"
  ln -s fd/0 "$root/dev/stdin"
  ln -s fd/1 "$root/dev/stdout"
  ln -s fd/2 "$root/dev/stderr"
  bind_caches "$root" "$user"
  hostname "fresh-$suite"
  mkdir "$root/.outside"
  cd "$root"
  pivot_root . .outside # a chroot would refuse user namespaces, which image builds need
  umount --lazy /.outside
  rmdir /.outside
}

# Copies the root to a disk of its own, which can become full. The machine's inputs and reports (/fresh) stay outside that disk.
move_to_own_disk() {
  local root=$1
  truncate -s 8G "$root.disk"
  mkfs.ext4 -q -m 0 "$root.disk"
  mkdir "$root.own"
  mount -o loop "$root.disk" "$root.own"
  tar -C "$root" --exclude=./fresh -cf - . | tar -C "$root.own" --numeric-owner -xpf -
  mkdir "$root.own/fresh"
  mount --bind "$root/fresh" "$root.own/fresh"
}

bind_caches() {
  local root=$1 user=$2
  [ "$kept" != yes ] || return 0
  mount --bind "$kept/$suite-pip-$user" "$root/fresh/pip"
  mount --bind "$kept/$suite-uv-$user" "$root/fresh/uv"
}

if [ "$1" = --inside ]; then # in the machine's own namespaces; pasta connects the network from outside
  shift
  root=$1 suite=$2 user=$3 scenario=$4 kept=$5
  enter "$root" "$suite"
  # A shell makes its background processes ignore Ctrl-C; a newcomer's terminal does not.
  exec env -i --default-signal=INT,QUIT PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM="${TERM:-dumb}" \
    bash /fresh/guest.sh "$user" "$scenario"
fi

# pasta finds the network by this name, which only this mount namespace can see.
network=$1.net
touch "$network"
unshare --mount --pid --uts --ipc "--net=$network" --cgroup --fork --kill-child bash "$0" --inside "$@" </dev/null &
outer=$!
until grep -q " $network " /proc/self/mountinfo; do
  [ -e "/proc/$outer" ] || exit 4
  sleep 0.1
done
pasta --quiet --foreground --config-net --runas 0 --netns "$network" --no-map-gw --tcp-ports none --udp-ports none --tcp-ns none \
  --udp-ns none &
code=0
wait "$outer" || code=$?
exit "$code"
