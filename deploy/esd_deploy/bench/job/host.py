"""What a benchmark must say of the machine and the software, without being asked. What cannot be found out is `unknown`."""

import os
import platform
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

UNKNOWN = "unknown"
SHOWN = re.compile(
    r"(OMP_|KMP_|GOMP_|MALLOC_|SLURM_(CPU_BIND|NTASKS|JOB_NUM_NODES|CPUS_PER_TASK|HINT|MPI_TYPE|JOB_PARTITION)|OMPI_|UCX_|PMIX_MCA_|LD_PRELOAD)"
)
"""Names of the variables that are told: those that change the speed. Others may be secrets."""


def facts(nest: Any) -> dict[str, str]:
    """Name → value; the part before the first dot is the kind: hardware, system, software, variable."""
    cpu = _lscpu()
    return {
        "hardware.cpu": cpu.get("Model name", UNKNOWN),
        "hardware.sockets": cpu.get("Socket(s)", UNKNOWN),
        "hardware.cores_per_socket": cpu.get("Core(s) per socket", UNKNOWN),
        "hardware.threads_per_core": cpu.get("Thread(s) per core", UNKNOWN),
        "hardware.cpus": str(os.cpu_count()),
        "hardware.numa_nodes": cpu.get("NUMA node(s)", UNKNOWN),
        "hardware.l2_cache": cpu.get("L2 cache", UNKNOWN),
        "hardware.l3_cache": cpu.get("L3 cache", UNKNOWN),
        "hardware.virtualization": cpu.get("Hypervisor vendor", "none seen"),
        "hardware.memory": _line("/proc/meminfo", "MemTotal"),
        "hardware.memory_type": UNKNOWN,  # only root may read the DMI tables
        "hardware.gpus": _gpus(),
        "hardware.interconnect": _interconnect(),
        "hardware.clock_governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "hardware.clock_max_khz": _read("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq"),
        "hardware.clock_mhz": _line("/proc/cpuinfo", "cpu MHz"),
        "system.kernel": platform.release(),
        "system.os": _os(),
        "system.transparent_huge_pages": _read("/sys/kernel/mm/transparent_hugepage/enabled"),
        "system.storage": _storage(),
        "system.time": datetime.now(UTC).isoformat(timespec="seconds"),
        **_software(nest),
        **{f"variable.{name}": value[:500] for name, value in sorted(os.environ.items()) if SHOWN.match(name)},
    }


def _software(nest: Any) -> dict[str, str]:
    numpy = sys.modules.get("numpy")
    libc = " ".join(platform.libc_ver()).strip()
    return {
        "software.nest": str(getattr(nest, "__version__", UNKNOWN)),
        **{f"software.nest_build.{name}": str(value) for name, value in getattr(nest, "build_info", {}).items()},
        "software.nest_compiler": _said("nest-config", "--compiler-name") + " " + _said("nest-config", "--compiler-version"),
        "software.nest_flags": _said("nest-config", "--cflags"),
        "software.python": platform.python_version(),
        "software.numpy": getattr(numpy, "__version__", UNKNOWN),
        "software.libc": libc or UNKNOWN,
        "software.mpi": _mpi(),
        "software.loaded_allocator": _loaded("jemalloc", "tcmalloc", "mimalloc") or "libc",
        "software.mathematical_libraries": _loaded("openblas", "mkl", "blas", "gsl") or UNKNOWN,
        "software.profiler": _loaded("scorep", "vtune", "extrae") or "none",
    }


def _mpi() -> str:
    mpi = sys.modules.get("mpi4py.MPI")
    return mpi.Get_library_version().split(",")[0].strip("\0 \n") if mpi else "not used by this process"


def _loaded(*words: str) -> str:
    """Names of the loaded libraries in whose name one of the words is."""
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return ""
    names = {Path(line.split()[-1]).name for line in lines if ".so" in line}
    return " ".join(sorted(name for name in names if any(word in name for word in words)))


def _said(*command: str) -> str:
    program = shutil.which(command[0]) or (f"/opt/nest/bin/{command[0]}" if Path(f"/opt/nest/bin/{command[0]}").exists() else None)
    if program is None:
        return UNKNOWN
    try:
        done = subprocess.run([program, *command[1:]], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return UNKNOWN
    return " ".join(done.stdout.split()) if done.returncode == 0 and done.stdout.strip() else UNKNOWN


def _lscpu() -> dict[str, str]:
    program = shutil.which("lscpu")
    if program is None:
        return {"Model name": _line("/proc/cpuinfo", "model name")}
    try:
        done = subprocess.run([program], capture_output=True, text=True, timeout=20, check=False, env={**os.environ, "LC_ALL": "C"})
    except (OSError, subprocess.TimeoutExpired):
        return {}
    pairs = (line.partition(":") for line in done.stdout.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()[:200] or UNKNOWN
    except OSError:
        return UNKNOWN


def _line(path: str, name: str) -> str:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return UNKNOWN
    return next((" ".join(line.partition(":")[2].split()) for line in lines if line.partition(":")[0].strip() == name), UNKNOWN)


def _os() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", UNKNOWN)
    except OSError:
        return UNKNOWN


def _gpus() -> str:
    return _said("nvidia-smi", "--query-gpu=name", "--format=csv,noheader") if shutil.which("nvidia-smi") else "none seen"


def _interconnect() -> str:
    cards = [path.name for path in Path("/sys/class/infiniband").glob("*")] if Path("/sys/class/infiniband").is_dir() else []
    nets = [path.name for path in Path("/sys/class/net").glob("*") if path.name != "lo"] if Path("/sys/class/net").is_dir() else []
    return " ".join((*(f"infiniband:{name}" for name in sorted(cards)), *(f"net:{name}" for name in sorted(nets)))) or UNKNOWN


def _storage() -> str:
    """The kind of file system of the job's folder."""
    here, best = Path.cwd(), ("", UNKNOWN)
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return UNKNOWN
    for _, place, kind, *_ in mounts:
        if here.is_relative_to(place) and len(place) >= len(best[0]):
            best = (place, kind)
    return best[1]
