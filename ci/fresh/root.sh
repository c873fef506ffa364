#!/usr/bin/env bash
# shellcheck disable=SC2154 # the options of fresh-machine.sh
# Makes the root file system of a fresh machine. Sourced by ci/fresh-machine.sh, which sets suite, user, scenario, cold and fault.

kept=${ESD_FRESH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/esd-images/fresh}

# REPOSITORY: the address of the machine's own mirror of debian or debian-security.
mirror_of() {
  # shellcheck disable=SC2016 # $(REPO_URI) is apt's, not the shell's
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -E "/$1/?\$" | head -n 1
}

need_mirror() {
  mirror=$(mirror_of debian) || { apt-get update -qq && mirror=$(mirror_of debian); } ||
    die 4 "this machine's apt sources name no Debian mirror"
}

# A tarball that is older than a week is rebuilt, and the packages that earlier machines of this suite downloaded are removed.
keep_tarball() {
  local tarball=$kept/$suite.tar work
  mkdir -p "$kept"
  exec {making}>"$kept/$suite.lock"
  flock "$making"
  if [ -z "$(find "$tarball" -mtime -7 2>/dev/null)" ]; then
    printf '==> debootstrap: installing a new Debian (%s)\n' "$suite"
    rm -rf "${kept:?}/$suite-"*
    work=$place/debootstrap
    debootstrap --variant=minbase "$suite" "$work" "$mirror" >"$kept/$suite.log" 2>&1 ||
      die 4 "debootstrap failed: $(tail -n 3 "$kept/$suite.log") (whole log: $kept/$suite.log)"
    rm -f "$work"/var/cache/apt/archives/*.deb
    tar -C "$work" --numeric-owner -cf "$tarball.part" .
    mv "$tarball.part" "$tarball"
    rm -rf "$work"
  fi
  exec {making}>&-
}

unpack_root() {
  need_mirror
  keep_tarball
  mkdir "$1"
  tar -C "$1" --numeric-owner -xpf "$kept/$suite.tar"
}

# Sets what the owner of a machine has set already: name, mirror, resolver, proxy and certificates. Nothing belongs to this project.
configure_root() {
  local root=$1 security
  printf 'fresh-%s\n' "$suite" >"$root/etc/hostname"
  printf '127.0.0.1 localhost\n127.0.1.1 fresh-%s\n::1 localhost\n' "$suite" >"$root/etc/hosts"
  cp --dereference /etc/resolv.conf "$root/etc/resolv.conf"
  printf 'deb %s %s main\ndeb %s %s-updates main\n' "$mirror" "$suite" "$mirror" "$suite" >"$root/etc/apt/sources.list"
  security=$(mirror_of debian-security) || security=''
  [ -z "$security" ] || printf 'deb %s %s-security main\n' "$security" "$suite" >>"$root/etc/apt/sources.list"
  apt-config dump | grep -iE '^Acquire::(https?::|Retries|Check-|[a-z]*proxy)' >"$root/etc/apt/apt.conf.d/90machine" || true
  mkdir "$root/fresh"
  mkdir -p "$root/usr/local/share/ca-certificates" # Java knows no variable that names a bundle: it trusts what the machine trusts
  cp --dereference /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/" 2>/dev/null || true
  cp "$(readlink -f /etc/ssl/certs/ca-certificates.crt)" "$root/fresh/ca.crt" 2>/dev/null || true
  write_environment >"$root/fresh/environment"
}

# Prints the variables that tell pip, git and others about proxies, indexes and certificates. The bundle is a separate file, because the
# package ca-certificates overwrites its own.
write_environment() {
  local name
  for name in $(compgen -e | grep -iE '^(PIP_.*|(https?|no|all)_proxy)$'); do
    [[ $name =~ ^PIP_(CERT|CACHE_DIR)$ ]] || printf 'export %s=%q\n' "$name" "${!name}"
  done
  for name in SSL_CERT_FILE REQUESTS_CA_BUNDLE CURL_CA_BUNDLE PIP_CERT GIT_SSL_CAINFO; do
    [ -z "${!name:-}" ] || printf 'export %s=/fresh/ca.crt\n' "$name"
  done
  printf 'export FRESH_BREAK=%q\n' "$fault"
  [ -n "$cold" ] || printf 'export PIP_CACHE_DIR=/fresh/pip UV_CACHE_DIR=/fresh/uv ESD_IMAGES_CACHE=/fresh/images\n'
  for name in FRESH_TESTS FRESH_IDLE; do
    [ -z "${!name:-}" ] || printf 'export %s=%q\n' "$name" "${!name}"
  done
}

# Copies the repository to clone, the scripts of the scenarios and, unless cold, images and downloads of earlier builds on this machine.
fill_root() {
  local root=$1 images part owner=0
  git -c safe.directory='*' clone --quiet --bare --no-local --depth 1 "file://$PWD" "$root/fresh/esd-images.git" 2>/dev/null ||
    die 4 "git cannot clone the committed HEAD of $PWD"
  chmod -R a+rX "$root/fresh/esd-images.git"
  cp ci/fresh/*.sh README.md "$root/fresh/"
  [ -z "${FRESH_PSMGMT:-}" ] || cp "$FRESH_PSMGMT" "$root/fresh/psmgmt.tar.gz"
  [ -z "${FRESH_TSI:-}" ] || cp "$FRESH_TSI" "$root/fresh/tsi.tar.gz"
  [ -z "$cold" ] || return 0
  [ "$user" = root ] || owner=1000
  mkdir -p "$kept/$suite-apt" "$kept/$suite-pip-$user" "$kept/$suite-uv-$user" "$root/fresh/images" "$root/fresh/pip" "$root/fresh/uv"
  chown "$owner:$owner" "$kept/$suite-pip-$user" "$kept/$suite-uv-$user"
  find "$kept/$suite-apt" -name '*.deb' -exec cp -t "$root/var/cache/apt/archives" {} +
  images=${ESD_IMAGES_CACHE:-$(getent passwd esd | cut -d: -f6)/.cache/esd-images}
  for part in images compiled wheels sources; do
    [ ! -d "$images/$part" ] || cp -a "$images/$part" "$root/fresh/images/"
  done
  chown -R 1000:1000 "$root/fresh/images" # the first user of a machine, who builds: the newcomer, or esd if the newcomer is root
}

# Keeps the packages that the machine downloaded for the next one. A copy, because apt locks its folder for one machine at a time.
keep_downloads() {
  [ -n "$cold" ] || find "$1/var/cache/apt/archives" -maxdepth 1 -name '*.deb' -exec cp --no-clobber -t "$kept/$suite-apt" {} + 2>/dev/null || true
}
