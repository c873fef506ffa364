#!/usr/bin/env bash
# Installs Apptainer on Debian 12, which has none: the package comes from Debian unstable, and because its two ELF binaries
# want a newer glibc, they get trixie's C library in a private folder by RPATH (inherited, unlike RUNPATH). All packages are
# fetched by apt from the machine's own mirror, so their signatures are checked. Keeps an apptainer >= 1.3 that is there.
set -euo pipefail

private_lib=/opt/esd-images/apptainer-lib
minimum=1.3

die() {
  printf 'install-apptainer: %s\n' "$*" >&2
  exit 4
}

have_apptainer() {
  local found
  found=$(apptainer --version 2>/dev/null | awk '{print $3}') || return 1
  [ -n "$found" ] || return 1
  dpkg --compare-versions "${found%%-*}" ge "$minimum" ||
    die "apptainer $found is older than $minimum (no --sharens); upgrade or remove it, then run this again"
}

fetch() { # suite package…: downloads with a private package list, leaving the machine's own lists alone
  local suite=$1 root=$work/$1
  shift
  mkdir -p "$root/lists/partial" "$root/cache/archives/partial"
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$mirror" "$suite" >"$root/sources.list"
  local options=(
    -o "Dir::Etc::SourceList=$root/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o "Dir::State::Lists=$root/lists" -o "Dir::Cache=$root/cache" -o APT::Sandbox::User=root
  )
  apt-get "${options[@]}" -qq update
  (cd "$root" && apt-get "${options[@]}" -qq download "$@")
}

have_apptainer && exit 0
[ "$(id -u)" = 0 ] || die "needs root to unpack into /usr"
command -v patchelf >/dev/null || die "patchelf is missing: run ci/install-system.sh, which installs it first"

# shellcheck disable=SC2016 # $(REPO_URI) is apt's, not the shell's
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -E '/debian/?$' | head -n 1) || true
[ -n "$mirror" ] || die "no Debian mirror in the apt sources of this machine; install apptainer >= $minimum by hand"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

printf '==> installing Apptainer from Debian unstable\n'
fetch sid apptainer
fetch trixie libc6 libseccomp2 libsqlite3-0

rm -rf "$private_lib.new"
mkdir -p "$private_lib.new" "$work/libraries" "$work/apptainer"
for package in "$work"/trixie/*.deb; do dpkg-deb -x "$package" "$work/libraries"; done
find "$work/libraries" -path '*-linux-gnu/*.so*' -not -path '*/gconv/*' -exec cp -d -t "$private_lib.new" {} +
rm -rf "$private_lib"
mv "$private_lib.new" "$private_lib"

dpkg-deb -x "$work"/sid/apptainer_*.deb "$work/apptainer"
loader=$(find "$private_lib" -name 'ld-linux-*.so.*' | head -n 1)
while read -r binary; do
  patchelf --set-interpreter "$loader" --force-rpath --set-rpath "$private_lib" "$binary"
done < <(find "$work/apptainer/usr" -type f \( -path '*/bin/apptainer' -o -name starter \))
tar -C "$work/apptainer" -c . | tar -C / --keep-directory-symlink --no-overwrite-dir -x
apptainer --version >/dev/null || die "the installed apptainer does not start; see the message above"
