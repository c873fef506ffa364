#!/usr/bin/env bash
# make docs: builds the pages as a site in dist/docs. The locked packages of requirements/docs.txt get a virtual environment of their own.
# docs.sh [build|serve]
set -euo pipefail
cd "$(dirname "$0")/.."

wanted=$(sha256sum <requirements/docs.txt)
if [ "$(cat .venv-docs/installed 2>/dev/null)" != "$wanted" ]; then
  .venv/bin/python -m venv --clear .venv-docs
  .venv-docs/bin/pip install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements/docs.txt
  printf '%s\n' "$wanted" >.venv-docs/installed
fi
exec .venv-docs/bin/mkdocs "${1:-build}"
