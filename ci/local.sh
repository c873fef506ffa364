#!/usr/bin/env bash
# make ci-local: runs the steps of ci/gitlab-ci.yml and ci/github-actions.yml, one after the other: ci/local.sh NAME IMAGE ENV. They use a
# registry and a local site that exist only for this pipeline, and temporary keys in place of the pipelines' secrets.
set -euo pipefail
cd "$(dirname "$0")/.."

name=$1 image=$2 environment=$3 site=ci-$$
work=$(mktemp -d)
finish() {
  .venv/bin/esd-deploy local down --name "$site" --purge >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap finish EXIT

step() {
  printf '\n==> make %s\n' "$*"
  make --no-print-directory "$@" "IMAGE=$image" "ENV=$environment"
}

printf '==> starting a registry and a site for this pipeline (%s)\n' "$site"
.venv/bin/esd-deploy local up --name "$site" >/dev/null
status=/var/lib/esd-localsite/$site/status.json
# shellcheck source=registry-login.sh
. ci/registry-login.sh
local_registry "$status"
sed "s#^status_file:.*#status_file: $status#" site-configs/local.yaml >"$work/ci.yaml"
COSIGN_PASSWORD=$(head -c 18 /dev/urandom | base64)
export COSIGN_PASSWORD MOVE=no
.venv/bin/esd-build keys "$work/ci" >/dev/null
export ESD_SIGNING_KEY=$work/ci.key

step plan
step image
step contract
step push
step sign
step validate SITE="$work/ci.yaml" "VALIDATE=${VALIDATE:---quick}"
step promote
step built
printf '\n==> the pipeline passed: %s\n' "$(cat "dist/images/$name.promoted")"
