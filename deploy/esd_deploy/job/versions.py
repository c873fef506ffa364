"""Writes esd/versions.json: the versions that a program really gets here, asked from the libraries themselves."""

import contextlib
import ctypes
import ctypes.util
import json
import os
import platform
import re
from importlib import metadata
from pathlib import Path

DISTRIBUTIONS = ("PyNN", "nestml", "mpi4py", "numpy", "scipy", "neo", "nixio", "elephant", "odetoolbox", "sPyNNaker", "arbor", "neuron")


def collect() -> dict[str, str]:
    """Names as their projects write them; what is not installed is left out."""
    found = {"Python": platform.python_version()}
    for name in DISTRIBUTIONS:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    with contextlib.suppress(ImportError):
        from mpi4py import MPI  # type: ignore[import-not-found]  # noqa: PLC0415 - not every stack has it

        found["MPI"] = MPI.Get_library_version().split(",")[0].strip("\0 ")
    with contextlib.suppress(ImportError):
        os.environ["PYNEST_QUIET"] = "1"
        import nest  # noqa: PLC0415 - not every stack has it

        found["NEST"] = str(nest.__version__)
    return {**found, **pmix()}


def pmix() -> dict[str, str]:
    """The client library that programs here load, and the server that started this one: both take part in the wire-up."""
    found = {}
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(ctypes.util.find_library("pmix") or "libpmix.so.2")
        library.PMIx_Get_version.restype = ctypes.c_char_p
        version = re.search(r"\d+\.\d+\.\d+", library.PMIx_Get_version().decode())
        if version:
            found["PMIx"] = version.group(0)
    if os.environ.get("PMIX_VERSION"):
        found["PMIx server"] = os.environ["PMIX_VERSION"]
    return found


if __name__ == "__main__":
    part = Path("esd/versions.part")
    part.write_text(json.dumps(collect()) + "\n", encoding="utf-8")
    part.replace("esd/versions.json")  # whole or not at all: wireup.py may end this process
