#!/usr/bin/env bash
# The real UNICORE/X. Without Java, the message names the command that installs it, and that command works. Then a job runs through UNICORE's
# TSI and Slurm if FRESH_TSI names an archive, otherwise through the server's mode without TSI.
set -euo pipefail
# shellcheck source=steps.sh
. /fresh/steps.sh

up=(.venv/bin/esd-deploy local up --name real --server unicorex)
[ ! -f /fresh/tsi.tar.gz ] || up+=(--tsi /fresh/tsi.tar.gz)
[ -f /fresh/tsi.tar.gz ] || up+=(--profile nobatch)

told() { # without Java
  if "${up[@]}" >/tmp/told.log 2>&1; then fail 'the site came up without Java'; fi
  cat /tmp/told.log
  grep -qF 'make setup SERVER=unicorex' /tmp/told.log || fail 'the message does not name the command'
}

job() {
  .venv/bin/python - <<'PY'
import json, ssl, subprocess, time

import httpx

site = json.loads(subprocess.run((".venv/bin/esd-deploy", "local", "status", "--name", "real", "--json"), check=True, capture_output=True).stdout)
login = (site["username"], open(site["password_file"]).read().strip())
verify = ssl.create_default_context(cafile=site["ca_file"])
with httpx.Client(auth=login, verify=verify, headers={"Accept": "application/json"}, timeout=60, trust_env=False) as unicore:
    url = unicore.post(site["unicore_url"] + "/jobs", json={"ApplicationName": "Date"}).headers["Location"]
    while (job := unicore.get(url).json())["status"] not in {"SUCCESSFUL", "FAILED"}:
        time.sleep(0.5)
print("    a job at", site["unicore_url"], job["status"], job["batchSystemID"])
assert job["status"] == "SUCCESSFUL", job
PY
}

step 'apt-get install make git' first_line
step 'git clone' clone
step 'make setup' make setup
step 'local up, without Java' told
step 'make setup SERVER=unicorex' make setup SERVER=unicorex
step 'local up --server unicorex' "${up[@]}"
step 'a job' job
step 'local down --purge' .venv/bin/esd-deploy local down --name real --purge
