#!/bin/sh
# osu.sh NAME OPTION…: one of OSU's micro benchmarks, wherever this image has it; where it has none, a line that says so.
program=$(command -v "$1" || find /usr /opt -type f -name "$1" -perm -u=x 2>/dev/null | head -n 1)
if [ -z "$program" ]; then
  printf 'no %s in the image\n' "$1"
  exit 0
fi
shift
exec "$program" "$@"
