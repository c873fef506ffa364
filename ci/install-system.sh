#!/usr/bin/env bash
# Installs what Debian 12 and 13 lack for building images and running the local site: Slurm, munge, an OCI registry, Apptainer
# with its helpers, and the unprivileged user that runs builds and jobs. Needs root or sudo. Does nothing if everything is
# installed. Can be interrupted and started again. `make uninstall` undoes it.
# SERVER=unicorex: also installs what the real UNICORE/X needs (Java, Maven).
# LAUNCHER=parastation: also installs what ParaStation Management is built with.
#
#   ci/install-system.sh [first|rest]     first: what .venv needs; rest: everything else; no argument: both
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=system/common.sh
. "$here/system/common.sh"

part=${1:-all}
# APPTAINER_DEB: a package of Apptainer that the user downloaded; it is installed instead of the mirror's.
[ -z "${APPTAINER_DEB:-}" ] || need_package "$APPTAINER_DEB"
APPTAINER_DEB=${APPTAINER_DEB:+$(realpath "$APPTAINER_DEB")}
export APPTAINER_DEB
everything_is_there && exit 0
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || die "needs root, and there is no sudo: run 'make setup' as root, or install sudo"
  exec sudo --preserve-env=SERVER,LAUNCHER,APPTAINER_DEB,http_proxy,https_proxy,no_proxy bash "$0" "$@"
fi
# shellcheck source=system/preflight.sh
. "$here/system/preflight.sh"
# shellcheck source=system/packages.sh
. "$here/system/packages.sh"
# shellcheck source=system/account.sh
. "$here/system/account.sh"
keep_services_down

stage=/var/lib/esd-images/stage # the first part puts Apptainer's package here, the second installs it
needs_apptainer() { [ -n "$APPTAINER_DEB" ] || ! have_apptainer; }

first() {
  preflight
  finish_interrupted_dpkg
  if [ -n "$(missing_packages)" ] || ! have_apptainer; then timed 'updating the package lists' update_lists; fi
  rm -rf "$stage"
  if needs_apptainer; then # comes first: without Apptainer the rest is useless
    mkdir -p "$stage"
    ESD_STAGE=$stage bash "$here/install-apptainer.sh" fetch
  fi
  is_installed python3-venv || timed 'installing Python' install_packages python3-venv ca-certificates
}

rest() {
  local missing
  mapfile -t missing < <(missing_packages)
  [ ${#missing[@]} = 0 ] || timed "installing ${#missing[@]} Debian packages" install_packages "${missing[@]}"
  if [ -d "$stage" ]; then
    ESD_STAGE=$stage bash "$here/install-apptainer.sh" install
    rm -rf "$stage"
  fi
  make_job_user
  open_fuse
}

case $part in
  first) first ;;
  rest) rest ;;
  all)
    first
    rest
    ;;
  *) die "unknown part '$part': first or rest" ;;
esac
