#!/usr/bin/env bash
# A machine on which nothing happens, for FRESH_IDLE seconds: what the tests interrupt.
set -euo pipefail
# shellcheck source=steps.sh
. /fresh/steps.sh
sleep "${FRESH_IDLE:-600}"
