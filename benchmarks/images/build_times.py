"""How long builds take: cold, after a change of the Python layer, and with nothing changed; and what a verification says.

    python -m benchmarks.images.build_times WORK [--image nest] [--env edge] [--verify]

WORK is an empty folder (10 GB) for a copy of the checkout and a cache of its own: nothing of this machine's builds is used or changed.
Prints one line of JSON for each step: what was done, wall seconds, what was compiled, size of the image.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
COPIED = ("recipes", "spack-envs", "build", "deploy")


def build(tree: Path, cache: Path, image: str, environment: str, *command: str) -> tuple[float, str]:
    """Run esd-build in the copy; returns the wall time and what it said."""
    program = "from esd_build.cli import main; main()"
    argv = [sys.executable, "-c", program, *(command or ("image",)), image, "--env", environment]
    variables = {**os.environ, "ESD_IMAGES_CACHE": str(cache), "PYTHONPATH": f"{tree / 'build'}:{tree / 'deploy'}"}
    started = time.monotonic()
    finished = subprocess.run(argv, cwd=tree, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if finished.returncode not in {0, 1}:
        raise SystemExit(finished.stdout)
    return time.monotonic() - started, finished.stdout


def report(step: str, seconds: float, said: str, image: Path) -> None:
    """One line of JSON."""
    size = round(image.stat().st_size / 1e6, 1) if image.is_file() else None
    print(json.dumps({"step": step, "seconds": round(seconds, 1), "compiled": "compiling" in said, "image_MB": size}), flush=True)


def change_python_layer(tree: Path, environment: str) -> None:
    """What a maintainer does: another list of Python packages (here the same ones, so that the change is in the list alone)."""
    path = tree / "spack-envs" / environment / "requirements.txt"
    path.write_text(path.read_text() + "\n# changed\n")


def main() -> None:
    """Run all steps, in order."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--image", default="nest")
    parser.add_argument("--env", default="edge")
    parser.add_argument("--verify", action="store_true", help="build everything once more, and compare")
    options = parser.parse_args()
    tree, cache = options.work / "tree", options.work / "cache"
    for name in COPIED:
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    file = tree / "dist" / "images" / f"{options.image}-{options.env}.sif"
    report("cold", *build(tree, cache, options.image, options.env), file)
    report("no-op", *build(tree, cache, options.image, options.env), file)
    change_python_layer(tree, options.env)
    report("python layer changed", *build(tree, cache, options.image, options.env), file)
    if options.verify:
        seconds, said = build(tree, cache, options.image, options.env, "verify")
        report("verify", seconds, said, file)
        print(said)


if __name__ == "__main__":
    main()
