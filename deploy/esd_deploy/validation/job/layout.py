"""Prints, inside the container, the shell lines by which its Python runs outside of it from a copy of its files: layout.py TREE."""

import os
import platform
import re
import shlex
import subprocess
import sys

tree = sys.argv[1]
cache = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
folders = list(dict.fromkeys(os.path.dirname(path) for path in re.findall(r"=> (/\S+)", cache)))
loader = {"x86_64": "/lib64/ld-linux-x86-64.so.2", "aarch64": "/lib/ld-linux-aarch64.so.1"}[platform.machine()]
values = {
    "ESD_LOADER": tree + loader,
    "ESD_LIBRARIES": ":".join(tree + folder for folder in folders),
    "ESD_PYTHON": tree + os.path.realpath(sys.executable),
    "PYTHONHOME": tree + sys.prefix,
    "PYTHONPATH": ":".join(tree + path for path in sys.path[1:] if os.path.isdir(path)),
    "OPAL_PREFIX": tree + "/usr",
    "PMIX_PREFIX": tree + "/usr",
}
for name, value in values.items():
    print(f"export {name}={shlex.quote(value)}")
