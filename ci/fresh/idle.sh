#!/usr/bin/env bash
# Does nothing for FRESH_IDLE seconds. The tests interrupt it.
set -euo pipefail
# shellcheck source=steps.sh
. /fresh/steps.sh
sleep "${FRESH_IDLE:-600}"
