#!/usr/bin/env bash
# A full disk, in one sentence: sourced by system/common.sh and install-python.sh. Logs cannot be trusted then: they are on the same disk.

enough_mb=20 # less than this free: what just failed could not write

full_disk() { # PLACE…: the first place whose disk has no room, as text; 1 where all have some
  local place free
  for place in "$@"; do
    free=$(df -m --output=avail "$place" 2>/dev/null | tail -n 1)
    if [ -n "$free" ] && [ "$free" -lt "$enough_mb" ]; then
      printf 'the disk is full: make room on %s (%s MB free), then start again' "$(df --output=target "$place" | tail -n 1)" "${free// /}"
      return
    fi
  done
  return 1
}
