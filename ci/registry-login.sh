# shellcheck shell=bash
# Sourced: makes the local site's registry known to esd-build (address, authority, account), where no other is named.
# local_registry STATUS_FILE (empty: that of the site `local`): prints nothing; sets REGISTRY, or fails with what to do.
local_registry() {
  local host
  read -r host ESD_REGISTRY_CA ESD_REGISTRY_LOGIN < <(
    { if [ -n "$1" ]; then cat "$1"; else .venv/bin/esd-deploy local status --json; fi; } |
      python3 -c 'import json, sys; site = json.load(sys.stdin)
print(site["registry"] or "-", site["ca_file"] or "-", site.get("registry_login_file") or "")'
  ) || true
  [ "${host:--}" != - ] || { printf 'the local site is not up: esd-deploy local up, or name a registry: make push REGISTRY=host/project\n' >&2; return 4; }
  REGISTRY=$host/esd ESD_REGISTRY=$host/esd
  [ -r "$ESD_REGISTRY_LOGIN" ] || { printf '%s: only who started the local site may push to its registry: esd-deploy local up\n' "$ESD_REGISTRY_LOGIN" >&2; return 4; }
  export REGISTRY ESD_REGISTRY ESD_REGISTRY_CA ESD_REGISTRY_LOGIN
}
