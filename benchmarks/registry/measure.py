"""What the benchmarks of the registry client share: a file of random bytes, and how long a program takes and how much memory."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CLIENT = (sys.executable, str(Path(__file__).with_name("client.py")))
_BLOCK = 16 * 1024**2


@dataclass(frozen=True)
class Cost:
    """Of one run of a program: wall-clock and CPU seconds, and the largest resident memory in MB."""

    seconds: float
    cpu_seconds: float
    peak_mb: float


def random_file(path: Path, size: int) -> Path:
    """Bytes that nothing can compress or share."""
    with path.open("wb") as file:
        for start in range(0, size, _BLOCK):
            file.write(os.urandom(min(_BLOCK, size - start)))
    return path


def cost_of(argv: Sequence[str], cwd: Path) -> Cost:
    """Run a program to its end, which must be a good one."""
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(argv, cwd=cwd, stdout=subprocess.DEVNULL, stderr=errors)
        peak_kb, status = 0, 0
        while not status:
            peak_kb = max(peak_kb, _peak_kb(process.pid))
            time.sleep(0.02)
            status, code, usage = os.wait4(process.pid, os.WNOHANG)
        seconds = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(code)
        if process.returncode:
            errors.seek(0)
            raise SystemExit(f"{' '.join(argv)} failed:\n{errors.read()}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, peak_kb / 1024)


def _peak_kb(pid: int) -> int:
    """The kernel's own mark (VmHWM). `ru_maxrss` would also count what this benchmark had before it started the program."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)


def drop_page_cache() -> None:
    """Where this is root, so that no run reads what an earlier one left in memory."""
    os.sync()
    if os.geteuid() == 0:
        Path("/proc/sys/vm/drop_caches").write_text("1")
