#!/usr/bin/env bash
# Only the set-up, twice: the second one finds all there.
set -euo pipefail
# shellcheck source=steps.sh
. /fresh/steps.sh

step 'apt-get install make git' first_line
step 'git clone' clone
break_installer "$FRESH_BREAK"
step 'make setup' make setup
step 'make setup, again' make setup
