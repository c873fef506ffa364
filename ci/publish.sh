#!/usr/bin/env bash
# make publish: push, sign, validate and promote in one job, for a CI that provides secrets as variables instead of files
# (REGISTRY_LOGIN, SIGNING_KEY). This script writes them to files that only this account can read, and removes the files at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
keep() { # NAME FILE_VARIABLE: writes the variable's content to a file, and puts the file's path into the other variable
  [ -z "${!1:-}" ] || { printf '%s\n' "${!1}" >"$work/$1"; export "$2=$work/$1"; unset "$1"; }
}
keep REGISTRY_LOGIN ESD_REGISTRY_LOGIN
keep SIGNING_KEY ESD_SIGNING_KEY
for step in push sign validate promote; do make --no-print-directory "$step"; done
