#!/bin/sh
# Installs an image's Python layer: the packages locked in /opt/esd/requirements.txt, from the files in /opt/esd/wheels. Recipes call it in
# their final stage as /opt/esd/bin/python-layer. It removes pip and the build tools of sdists again.
set -eu
python=$(python3 -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
mkdir -p "/usr/local/lib/$python/dist-packages"
pip=$(echo /opt/esd/wheels/pip-*.whl)
# Build tools for sdists are installed outside the image's own Python path and removed below.
python3 "$pip/pip" install --quiet --no-index --find-links /opt/esd/wheels --target /opt/esd/tools setuptools wheel
# --ignore-installed: packages that the build tools brought along must be installed in the image as well.
PYTHONPATH=/opt/esd/tools python3 "$pip/pip" install --no-index --find-links /opt/esd/wheels --require-hashes --no-deps \
    --ignore-installed --no-build-isolation --no-compile --break-system-packages --no-warn-script-location -r /opt/esd/requirements.txt
PYTHONDONTWRITEBYTECODE=1 python3 -m pip uninstall --quiet --yes --break-system-packages cython setuptools wheel pip
rm -rf /opt/esd/tools
