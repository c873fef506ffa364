"""What commands that need no site cost, of several checkouts in turns: `python benchmarks/repository/starts.py FOLDER…`.

Each line: the command, and for each checkout the medians in seconds: of the processor's time, which a busy machine changes little, and of
the clock. All use this Python and its packages.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

TIMES = 10
COMMANDS = ("esd-deploy --help", "esd-deploy list", "esd-build --help")


def cost(checkout: Path, command: str, empty: str) -> tuple[float, float]:
    """Seconds of the processor and of the clock of one call, in a folder without runs. Raises CalledProcessError if it fails."""
    program, *arguments = command.split()
    code = f"from {program.replace('-', '_')}.start import main; main()"
    environment = {**os.environ, "PYTHONPATH": f"{checkout / 'build'}:{checkout / 'deploy'}"}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run((sys.executable, "-c", code, *arguments), cwd=empty, env=environment, stdout=subprocess.DEVNULL, check=True)
    after, end = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, end - start


def told(costs: Sequence[tuple[float, float]]) -> str:
    """The medians of some calls."""
    processor, clock = (statistics.median(one) for one in zip(*costs, strict=True))
    return f"{processor:.2f}, {clock:.2f}"


def main() -> None:
    """Print one line for each command."""
    checkouts = [Path(word).resolve() for word in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as empty:
        for command in COMMANDS:
            for checkout in checkouts:
                cost(checkout, command, empty)  # compiles what is not compiled yet
            rounds = [[cost(checkout, command, empty) for checkout in checkouts] for _ in range(TIMES)]
            sys.stdout.write(f"| `{command}` | {' | '.join(map(told, zip(*rounds, strict=True)))} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
