#!/usr/bin/env bash
# make fuzz-long: fuzzes each parser of outside data for SECONDS, guided by coverage (atheris, from requirements/fuzz.txt).
# The corpus grows in dist/fuzz/PARSER. Inputs that break a parser are kept as dist/fuzz/PARSER.crash-*, and the exit code is 1.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-120} only=${2:-}
.venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes -r requirements/fuzz.txt ||
  { printf 'fuzz-long: cannot install atheris for this Python; make fuzz works without it\n' >&2; exit 4; }
failed=0
for parser in ${only:-record site-file zip tar.gz sif report unicore queue registry signature listing slurm site description shown}; do
  mkdir -p "dist/fuzz/$parser"
  seeds=tests/data/fuzz/$parser
  [ -d "$seeds" ] || seeds=tests/data/signing
  log=dist/fuzz/$parser.log code=0
  .venv/bin/python -m tests.hostile.guided "$parser" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=3000 -max_len=65536 \
    -artifact_prefix="dist/fuzz/$parser.crash-" "dist/fuzz/$parser" "$seeds" >"$log" 2>&1 || code=$?
  printf '%-12s %s, corpus %s%s\n' "$parser" "$(sed -nE 's/^Done ([0-9]+) runs.*/\1 inputs/p' "$log" | tail -n 1)" \
    "$(find "dist/fuzz/$parser" -type f | wc -l)" "$([ $code = 0 ] || printf ': WRONG, see %s' "$log")"
  [ $code = 0 ] || failed=1
done
exit $failed
