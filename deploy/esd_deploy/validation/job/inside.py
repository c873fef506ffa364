"""What a rank finds inside the container, without MPI: one JSON line. Arguments are the paths that the site promises to show."""

import ctypes
import ctypes.util
import importlib.util
import json
import os
import subprocess
import sys
import tempfile

LEAKS = ("LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE")


def library(*names):
    """A shared library, or None if the image has none of these."""
    for name in names:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


def version(found, function):
    """What a library's own version function says."""
    if found is None or not hasattr(found, function):
        return None
    call = getattr(found, function)
    call.restype = ctypes.c_char_p
    return call().decode(errors="replace")


def writable(path):
    """Whether a file can be made there."""
    try:
        with tempfile.TemporaryFile(dir=path):
            return True
    except OSError:
        return False


def own():
    """What the image itself sets of these variables: its %environment, in an environment that is empty otherwise."""
    script = 'for file in /.singularity.d/env/10-*.sh /.singularity.d/env/90-*.sh; do [ -r "$file" ] && . "$file"; done; env'
    try:
        ran = subprocess.run(["sh", "-c", script], check=False, env={"PATH": os.defpath}, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    found = dict(line.split("=", 1) for line in ran.stdout.splitlines() if "=" in line)
    return {name: found[name] for name in LEAKS if name in found}


def main(binds):
    environ = os.environ
    shown = [environ.get("PMIX_SERVER_TMPDIR"), environ.get("PMIX_SYSTEM_TMPDIR"), environ.get("PMIX_DSTORE_21_BASE_PATH")]
    facts = {
        "host": os.uname().nodename,
        "node": environ.get("SLURMD_NODENAME", ""),
        "rank": int(environ.get("SLURM_PROCID", "0")),
        "namespace": os.readlink("/proc/self/ns/user"),
        "cpus": sorted(os.sched_getaffinity(0)),
        "cpus_on_node": int(environ.get("SLURM_CPUS_ON_NODE", "0")),
        "threads": environ.get("OMP_NUM_THREADS"),
        "leaks": {name: environ[name] for name in LEAKS if name in environ},
        "own": own(),
        "pmix_server": environ.get("PMIX_VERSION"),
        "pmix_security": environ.get("PMIX_SECURITY_MODE"),
        "pmix_storage": environ.get("PMIX_GDS_MODULE"),
        "pmix_store": environ.get("PMIX_MCA_gds"),
        "pmix_namespace": environ.get("PMIX_NAMESPACE"),
        "pmix_hidden": sorted({path for path in shown if path and not os.path.isdir(path)}),
        "tmp": "{0.st_dev}:{0.st_ino}".format(os.stat("/tmp")),
        "pmix_client": version(library("libpmix.so.2", "libpmix.so"), "PMIx_Get_version"),
        "ucx": version(library("libucp.so.0"), "ucp_get_version_string"),
        "mpi": library("libmpi.so.40", "libmpi.so.12", "libmpi.so") is not None,
        "mpi4py": importlib.util.find_spec("mpi4py") is not None,
        "binds": {path: [os.path.isdir(path), writable(path)] for path in binds},
        "folder_writable": writable("."),
    }
    sys.stdout.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
