"""Wall time of commands that need no site, of several checkouts in turns: `python benchmarks/repository/starts.py FOLDER…`.

Each line: the command, and for each checkout the median and the range in seconds. All use this Python and its packages.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TIMES = 10
COMMANDS = ("esd-deploy --help", "esd-deploy list", "esd-build --help", "esd-deploy --version")


def seconds(checkout: Path, command: str, empty: str) -> float:
    """How long one call takes; in a folder without runs. Raises CalledProcessError if it fails."""
    program, *arguments = command.split()
    code = f"from {program.replace('-', '_')}.start import main; main()"
    environment = {**os.environ, "PYTHONPATH": f"{checkout / 'build'}:{checkout / 'deploy'}"}
    start = time.perf_counter()
    subprocess.run((sys.executable, "-c", code, *arguments), cwd=empty, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def main() -> None:
    """Print one line for each command."""
    checkouts = [Path(word).resolve() for word in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as empty:
        for command in COMMANDS:
            for checkout in checkouts:
                seconds(checkout, command, empty)  # compiles what is not compiled yet
            rounds = [[seconds(checkout, command, empty) for checkout in checkouts] for _ in range(TIMES)]
            told = (f"{statistics.median(one):.3f} ({min(one):.3f} to {max(one):.3f})" for one in zip(*rounds, strict=True))
            sys.stdout.write(f"| `{command}` | {' | '.join(told)} |\n")


if __name__ == "__main__":
    main()
