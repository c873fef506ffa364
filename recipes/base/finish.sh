#!/bin/sh
# The last step of an image; its recipe calls it as /opt/esd/bin/finish. Removes what only the build needed and what differs between
# builds (times, caches, logs). Arguments: further folders that contain Python files.
set -eu
rm -rf /opt/esd/wheels /opt/esd/sources /opt/esd/tools /opt/esd/build /root/.cache /usr/local/doc /usr/local/share/doc /usr/local/share/man
# /tmp and /var/tmp are left alone: during a build, Apptainer binds the machine's own folders there.
find /var/lib/apt/lists /var/cache/apt /var/log /usr/share/man /usr/share/info /usr/share/locale -mindepth 1 -delete
find /usr/share/doc -mindepth 2 -not -type d -not -name copyright -delete
rm -f /var/cache/ldconfig/aux-cache /var/cache/debconf/*-old /var/lib/dpkg/*-old /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- \
    /etc/machine-id /var/lib/dbus/machine-id
# Each account's date of its last password change would be the day of the build.
sed -i -E 's/^([^:]*:[^:]*):[0-9]+:/\1:20000:/' /etc/shadow

# Tests of Python packages. astropy, which NESTML's units need, imports its own test runner.
packages="/usr/local/lib $*"
find $packages -type d \( -name tests -o -name test \) -path '*-packages/*' -not -path '*/astropy/tests' -prune -exec rm -rf {} +
# Benchmarks of packages, tables of the earth's rotation (astropy's units need none), modules for an MPI that the image lacks.
find $packages -type d -name benchmarks -path '*-packages/*' -prune -exec rm -rf {} +
find $packages \( -path '*/astropy_iers_data/data/eopc04.*' -o -path '*/astropy_iers_data/data/finals2000A.*' -o -name 'MPI.mpich.*.so' \) -delete
find $packages -name '*.so*' -type f -exec strip --strip-unneeded {} +
rm -rf /usr/lib/python3.*/test

# Unchecked-hash bytecode is the same in each build, and Python uses it without comparing modification times.
find /usr/lib/python3* /usr/share/python3 $packages -type d -name __pycache__ -prune -exec rm -rf {} +
export PYTHONHASHSEED=0
for folder in /usr/lib/python3.*/ /usr/lib/python3/ $packages; do
    if [ -d "$folder" ]; then python3 -m compileall -qq --invalidation-mode unchecked-hash "$folder" || true; fi
done
