#!/usr/bin/env bash
# Installs what Debian 12 and 13 lack for building images and running the local site: Slurm, munge, an OCI registry, Apptainer
# with its helpers, and the unprivileged user that builds and jobs run as. Needs root or sudo. Does nothing where all is
# there already; may be interrupted and started again. `make uninstall` undoes it.
# SERVER=unicorex: also what the real UNICORE/X needs (Java, Maven).
#
#   ci/install-system.sh [first|rest]     first: what .venv needs; rest: the rest; without a word both
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=system/common.sh
. "$here/system/common.sh"

part=${1:-all}
# APPTAINER_DEB: a package of Apptainer that the user downloaded, to be installed instead of the mirror's.
[ -z "${APPTAINER_DEB:-}" ] || need_package "$APPTAINER_DEB"
APPTAINER_DEB=${APPTAINER_DEB:+$(realpath "$APPTAINER_DEB")}
export APPTAINER_DEB
everything_is_there && exit 0
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || die "needs root, and there is no sudo: run 'make setup' as root, or install sudo"
  exec sudo --preserve-env=SERVER,APPTAINER_DEB,http_proxy,https_proxy,no_proxy bash "$0" "$@"
fi
# shellcheck source=system/preflight.sh
. "$here/system/preflight.sh"
# shellcheck source=system/packages.sh
. "$here/system/packages.sh"
# shellcheck source=system/account.sh
. "$here/system/account.sh"
keep_services_down

stage=/var/lib/esd-images/stage # Apptainer's package, from the first part for the second
needs_apptainer() { [ -n "$APPTAINER_DEB" ] || ! have_apptainer; }

first() {
  preflight
  finish_interrupted_dpkg
  if [ -n "$(missing_packages)" ] || ! have_apptainer; then timed 'looking at the package mirror' update_lists; fi
  rm -rf "$stage"
  if needs_apptainer; then # first: where it cannot be had, the rest is of no use
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
