#!/usr/bin/env bash
# Reports a full disk in one sentence. Sourced by system/common.sh and install-python.sh. Logs cannot show it: they are on the same disk.

enough_mb=20 # with less free space than this, a failed command is assumed to have failed for lack of it

full_disk() { # PLACE…: prints the first place whose disk is full; returns 1 if none is
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
