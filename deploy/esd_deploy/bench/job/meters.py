"""What a process sees of its own memory, its processors, and the energy of its node."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_STATUS = Path("/proc/self/status")
_RAPL = Path("/sys/class/powercap")


def _status(name: str) -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    return 0


def resident_kb() -> int:
    """Memory that the process holds now (VmRSS)."""
    return _status("VmRSS")


def peak_kb() -> int:
    """The most that it held since its start, or since `forget_peak` (VmHWM)."""
    return _status("VmHWM")


def forget_peak() -> None:
    """The peak begins again, from what is held now; where the kernel refuses, it goes on from the start of the process."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def since_start_s() -> float:
    """Seconds since the process was started, by the kernel's clock."""
    started = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    return float(Path("/proc/uptime").read_text().split()[0]) - started


def binding() -> dict[str, object]:
    """On which processors the rank may run, and each of its threads."""
    threads = set()
    for task in Path("/proc/self/task").iterdir():
        try:
            lines = (task / "status").read_text().splitlines()
        except OSError:
            continue
        threads |= {line.split(None, 1)[1] for line in lines if line.startswith("Cpus_allowed_list:")}
    return {"rank": sorted(os.sched_getaffinity(0)), "threads": sorted(threads)}


@dataclass(frozen=True)
class Energy:
    """The counters of the node's processor packages (RAPL), in µJ; none where the node has none or hides them."""

    counters: tuple[Path, ...] = ()
    limits: Mapping[Path, int] = field(default_factory=dict)
    how: str = ""

    @classmethod
    def find(cls) -> "Energy":
        """By package: memory and cores are parts of one, and would count twice."""
        found = sorted(_RAPL.glob("intel-rapl:*/energy_uj")) if _RAPL.is_dir() else []
        packages = tuple(path for path in found if path.parent.name.count(":") == 1)
        if not packages:
            return cls(how="unknown: the node shows no energy counters (RAPL)")
        try:
            limits = {path: int((path.parent / "max_energy_range_uj").read_text()) for path in packages}
            for path in packages:
                path.read_text()
        except (OSError, ValueError) as error:
            return cls(how=f"unknown: the node's energy counters cannot be read ({error})")
        return cls(packages, limits, "RAPL, all processor packages of the node, idle power not subtracted")

    def read(self) -> Mapping[Path, int]:
        """Their values now."""
        return {path: int(path.read_text()) for path in self.counters}

    def since(self, before: Mapping[Path, int]) -> float | None:
        """J since then; a counter that ran over begins again at zero."""
        if not self.counters:
            return None
        return sum((now - before[path]) % (self.limits[path] + 1) for path, now in self.read().items()) / 1e6
