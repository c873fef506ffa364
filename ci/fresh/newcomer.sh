#!/usr/bin/env bash
# Runs README's commands in README's order, and records how long each step takes (/fresh/times).
set -euo pipefail
# shellcheck source=steps.sh
. /fresh/steps.sh

step 'apt-get install make git' first_line
step 'git clone' clone
break_installer "$FRESH_BREAK"
step 'make demo' make demo
step 'make demo, again' make demo
[ -f "$(find runs -name raster.png -print -quit)" ] || fail 'make demo left no picture'
step 'make test' run_tests
