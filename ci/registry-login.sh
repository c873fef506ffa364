# shellcheck shell=bash
# Sourced. Tells esd-build the local site's registry (address, certificate authority, account) if the user names no other.
# local_registry STATUS_FILE (empty: the site `local`): sets REGISTRY, or fails and says what to do.
local_registry() {
  local host
  read -r host ESD_REGISTRY_CA ESD_REGISTRY_LOGIN < <(
    { if [ -n "$1" ]; then cat "$1"; else .venv/bin/esd-deploy local status --json; fi; } |
      python3 -c 'import json, sys; site = json.load(sys.stdin)
print(site["registry"] or "-", site["ca_file"] or "-", site.get("registry_login_file") or "")'
  ) || true
  [ "${host:--}" != - ] || { printf 'the local site is not up: start it (esd-deploy local up) or name a registry (make push REGISTRY=host/project)\n' >&2; return 4; }
  REGISTRY=$host/esd ESD_REGISTRY=$host/esd
  [ -r "$ESD_REGISTRY_LOGIN" ] || { printf 'cannot read %s: only the user who started the local site may push to its registry; to start your own: esd-deploy local up\n' "$ESD_REGISTRY_LOGIN" >&2; return 4; }
  export REGISTRY ESD_REGISTRY ESD_REGISTRY_CA ESD_REGISTRY_LOGIN
}
