#!/usr/bin/env bash
# make publish: push, sign, validate, promote in one job, for a CI that hands secrets over as variables instead of as files
# (REGISTRY_LOGIN, SIGNING_KEY). They are written to files that only this account reads, and that end with the job.
set -euo pipefail
cd "$(dirname "$0")/.."

umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
keep() { # NAME FILE: the variable's content into a file, whose path is what the tools want
  [ -z "${!1:-}" ] || { printf '%s\n' "${!1}" >"$work/$1"; export "$2=$work/$1"; unset "$1"; }
}
keep REGISTRY_LOGIN ESD_REGISTRY_LOGIN
keep SIGNING_KEY ESD_SIGNING_KEY
for step in push sign validate promote; do make --no-print-directory "$step"; done
