#!/usr/bin/env bash
# enter.sh SCRIPT [ARGUMENT…]: the way into every script of a job, on login and on compute nodes. Activates the project, then becomes
# the script. esd/site.sh, which esd-deploy writes, has the job's variables and the shell function `activate`.

# By its real name: a container does not see a folder by a link to it that lies elsewhere.
cd -P . || exit 1
# shellcheck source=/dev/null
source esd/site.sh || exit 1
# Its words are no answer of the script's.
if ! activate >&2; then
  printf 'on %s: %s\n' "$(uname -n)" \
    "the project could not be activated; correct \`activation\` and \`account\` in the site's configuration" | tee esd/failure.txt >&2
  exit 1
fi
if [ -e esd/packages ]; then
  ESD_PACKAGES=$(readlink -f esd/packages) # a bind needs the real folder
  export ESD_PACKAGES
fi
exec bash "$@"
