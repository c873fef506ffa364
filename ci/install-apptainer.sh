#!/usr/bin/env bash
# Installs Apptainer as a Debian package: install-apptainer.sh fetch|install. ci/install-system.sh calls both steps with the folder $ESD_STAGE.
#
# If the machine's own suite has the package, that one is installed. Debian 12 and 13 do not have it: then the package is $APPTAINER_DEB, a
# file that the user downloaded, or it comes from unstable, else from testing. apt fetches all packages from the machine's own mirror and
# checks their signatures. On Debian 13 the package fits as it is. On Debian 12 its two ELF binaries need a newer C library: the package is
# rebuilt with that library in a private folder, found by RPATH (inherited, unlike RUNPATH). dpkg owns every file and removes it.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=system/common.sh
. "$here/system/common.sh"
# shellcheck source=system/packages.sh
. "$here/system/packages.sh"
private_lib=/usr/lib/esd-images/apptainer-lib
libraries=(libc6 libseccomp2 libsqlite3-0)
stage=${ESD_STAGE:?}

apt_of_suite() { # SUITE COMMAND…: apt with a package list of its own, leaving the machine's lists alone
  local root=$stage/$1 program=$2
  shift 2
  "$program" -o "Dir::Etc::SourceList=$root/sources.list" -o Dir::Etc::SourceParts=/dev/null -o "Dir::State::Lists=$root/lists" \
    -o "Dir::Cache=$root/cache" -o APT::Sandbox::User=root -o APT::Update::Error-Mode=any -o Acquire::Retries=2 -qq "$@"
}

candidate() { awk '/Candidate:/ && $2 != "(none)" { print $2 }'; }
is_bounded() { dpkg --compare-versions "${1%%-*}" ge "$minimum" && dpkg --compare-versions "${1%%-*}" lt "$below"; }

# Whether the machine has everything that the package depends on. Its C library may be too old.
fits() { apt-get -s -qq --no-install-recommends install "$stage/apptainer.deb" >"$log" 2>&1; }

fetch_from() { # SUITE: fetches apptainer and its libraries; returns 1 if that suite has no suitable Apptainer
  local suite=$1 root=$stage/$1 version mirror
  # shellcheck disable=SC2016 # $(REPO_URI) is apt's, not the shell's
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -E '/debian/?$' | head -n 1) ||
    die "this machine's apt sources name no Debian mirror: download Apptainer's package (apptainer.org) and run make setup APPTAINER_DEB=FILE"
  mkdir -p "$root/lists/partial" "$root/cache/archives/partial"
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$mirror" "$suite" >"$root/sources.list"
  apt_of_suite "$suite" apt-get update >"$log" 2>&1 || return 1
  version=$(apt_of_suite "$suite" apt-cache policy apptainer | candidate)
  [ -n "$version" ] || { printf 'E: %s has no package apptainer\n' "$suite" >"$log"; return 1; }
  is_bounded "$version" || { printf 'E: %s has apptainer %s; tested are versions from %s, below %s\n' "$suite" "$version" "$minimum" "$below" >"$log"; return 1; }
  (cd "$root" && apt_of_suite "$suite" apt-get download apptainer "${libraries[@]}") >"$log" 2>&1 || return 1
  mv "$root"/apptainer_*.deb "$stage/apptainer.deb"
  mv "$root"/*.deb "$stage/"
  say "Apptainer $version of Debian $suite"
}

fetch_from_debian() {
  fetch_from sid && return
  mv "$log" "$stage/sid.log"
  fetch_from testing ||
    explain_apt "$stage/sid.log" 'fetching Apptainer from Debian unstable (or download its package from apptainer.org: make setup APPTAINER_DEB=FILE)'
}

# Checks the user's package before minutes are spent on others.
take_named() {
  local version
  cp "$APPTAINER_DEB" "$stage/apptainer.deb"
  version=$(dpkg-deb --field "$stage/apptainer.deb" Version)
  is_bounded "$version" || die "APPTAINER_DEB=$APPTAINER_DEB is Apptainer $version; tested are versions from $minimum, below $below"
  fits || die "APPTAINER_DEB=$APPTAINER_DEB does not fit this machine: $(grep -E 'Depends:|^E:' "$log" | head -n 2 | tr -s ' '); take the package that \
apptainer.org offers for your Debian"
}

fetch() {
  local own
  if [ -n "${APPTAINER_DEB:-}" ]; then
    take_named
    return
  fi
  own=$(apt-cache policy apptainer | candidate)
  if [ -n "$own" ] && is_bounded "$own"; then
    printf '%s\n' "$own" >"$stage/own"
  else
    timed 'fetching Apptainer' fetch_from_debian
  fi
}

unpacked() { # OPTION FILE FOLDER
  quietly dpkg-deb "$@" || explain_apt "$log" "unpacking $2"
}

rebuild() { # the same package with its own libraries, so that dpkg owns every file
  local tree=$stage/tree loader binary file
  rm -rf "$tree"
  unpacked -R "$stage/apptainer.deb" "$tree"
  mkdir -p "$tree$private_lib" "$stage/libraries"
  for file in "$stage"/lib*.deb; do unpacked -x "$file" "$stage/libraries"; done
  find "$stage/libraries" -path '*-linux-gnu/*.so*' -not -path '*/gconv/*' -exec cp -d -t "$tree$private_lib" {} +
  loader=$(cd "$tree" && find ".$private_lib" -name 'ld-linux-*.so.*' | head -n 1)
  while read -r binary; do
    patchelf --set-interpreter "${loader#.}" --force-rpath --set-rpath "$private_lib" "$binary"
  done < <(find "$tree/usr" -type f \( -path '*/bin/apptainer' -o -name starter \))
  sed -i -E -e 's/^(Version: .*)/\1~esd/' -e '/^Depends:/s/(libc6|libseccomp2|libsqlite3-0) \([^)]*\),? ?//g' -e '/^Depends:/s/, *$//' "$tree/DEBIAN/control"
  (cd "$tree" && find . -type f -not -path './DEBIAN/*' -printf '%P\0' | xargs -0 md5sum) >"$stage/md5sums"
  mv "$stage/md5sums" "$tree/DEBIAN/md5sums"
  quietly dpkg-deb --root-owner-group -Znone -b "$tree" "$stage/apptainer.deb" || explain_apt "$log" "rebuilding Apptainer's package"
}

# Tries the package in the staging folder, before it replaces anything on the machine.
starts() {
  local tree=$stage/start prefix=()
  rm -rf "$tree"
  unpacked -x "$stage/apptainer.deb" "$tree"
  [ ! -d "$tree$private_lib" ] || prefix=("$(find "$tree$private_lib" -name 'ld-linux-*.so.*' | head -n 1)" --library-path "$tree$private_lib")
  "${prefix[@]}" "$tree/usr/bin/apptainer" --version >"$log" 2>&1 || return 1
  if [ ${#prefix[@]} -gt 0 ]; then prefix+=(--list); else prefix=(ldd); fi
  "${prefix[@]}" "$(find "$tree/usr" -name starter)" >"$log" 2>&1 && ! grep -q 'not found' "$log"
}

place_package() {
  local version
  if [ -f "$stage/own" ]; then
    install_packages apptainer
    return
  fi
  version=$(dpkg-deb --field "$stage/apptainer.deb" Version)
  if ! fits; then rebuild; fi
  starts || die "Apptainer $version does not start on this machine: $(tail -n 3 "$log")
$(have_apptainer && printf 'Apptainer %s stays installed. ' "$(apptainer_version)")To install another package: make setup APPTAINER_DEB=FILE"
  install_packages "$stage/apptainer.deb"
}

set -E
trap 'explain_apt "$log" "installing Apptainer"' ERR # for commands without a message of their own: cp, patchelf, …
case ${1:-} in
  fetch) fetch ;;
  install)
    timed 'installing Apptainer' place_package
    have_apptainer || die "the installed Apptainer is incomplete: $(apptainer --version 2>&1 | tail -n 1)"
    ;;
  *) die 'usage: install-apptainer.sh fetch|install' ;;
esac
