"""Builds every fault on purpose on a local site, validates there, and prints the table fault → verdict → advice.

    python benchmarks/validation/faults.py --name NAME [--only FAULT …] [--brief] [--record FOLDER]

The site NAME must be up (`esd-deploy local up --name NAME`) with the image nest:edge in its registry. Needs root: nodes are renamed,
and set down. `--brief` runs the one check that must find the
fault, and what it rests on, instead of the quick suite. `--record` keeps what the steps printed, one folder a fault, as test data.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from faulty_sites import FAULTS, QUICK, SITE, Fault, Place


def brief(fault: Fault) -> Fault:
    """The same fault, looked at by the check that must find it alone."""
    rest = tuple(option for option in fault.options if option != "--quick")
    return replace(fault, options=(*(("--only", fault.expected) if fault.options[:1] == QUICK and fault.expected else QUICK), *rest))


def run(fault: Fault, place: Place) -> tuple[dict[str, object], float]:
    """Build the fault, validate, undo it; the report and the wall time."""
    file = place.work / f"{fault.name}.yaml"
    file.write_text(fault.change(SITE.format(state=place.state)))
    command = [
        str(Path(sys.executable).with_name("esd-deploy")),
        "validate",
        "--site",
        str(file),
        "--output",
        str(place.work / "runs" / fault.name),
    ]
    with fault.build(place) as image:
        began = time.monotonic()
        finished = subprocess.run([*command, "--image", image, *fault.options, "--json", "-"], capture_output=True, text=True, check=False)
    if finished.returncode not in {0, 1} or not finished.stdout.startswith("{"):
        raise SystemExit(f"{fault.name}: {finished.stderr}")
    return json.loads(finished.stdout), time.monotonic() - began


def row(fault: Fault, report: dict, seconds: float) -> str:
    """One row of the table."""
    failed = [check for check in report["checks"] if check["verdict"]["outcome"] == "failed"]
    hit = next((check for check in failed if check["name"] == fault.expected), None)
    found = "as expected" if hit or (not fault.expected and not failed) else "NOT FOUND"
    verdict = hit["verdict"] if hit else {"reason": "; ".join(c["name"] for c in failed) or "all well", "advice": ""}
    others = ", ".join(check["name"] for check in failed if check is not hit) or "-"
    suggestion = f" **--suggest:** {report['suggestion'].splitlines()[-1].strip()}" if report["suggestion"] else ""
    clean = lambda text: re.sub(r"\s+", " ", text).replace("|", "\\|")  # noqa: E731
    advice = clean(verdict["advice"]) + clean(suggestion)
    cells = (fault.name, f"{found}: `{fault.expected or '-'}`", clean(verdict["reason"]), advice, others, f"{seconds:.0f} s")
    return f"| {' | '.join(cells)} |"


def keep(fault: Fault, place: Place, report: dict, folder: Path) -> None:
    """What the steps printed, as test data."""
    source = place.work / "runs" / fault.name / report["id"]
    target = folder / fault.name
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source / "esd" / "steps", target / "esd" / "steps")
    shutil.copy(place.work / f"{fault.name}.yaml", target / "site.yaml")
    for name in ("stderr", "validation.json"):
        if (source / name).is_file():
            shutil.copy(source / name, target / name)


def main() -> None:
    """Build the faults that were asked for, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--only", nargs="*", default=())
    parser.add_argument("--brief", action="store_true")
    parser.add_argument("--record", type=Path)
    parser.add_argument("--image", type=Path, default=Path("dist/images/nest-edge.sif"))
    given = parser.parse_args()
    place = Place(given.name, Path(tempfile.gettempdir()) / f"faults-{given.name}")
    place.work.mkdir(exist_ok=True)
    place.work.chmod(0o755)
    if not (place.work / "image.sif").exists():
        shutil.copy(given.image, place.work / "image.sif")
    print("| fault | verdict | reason | advice | also failed | time |\n|---|---|---|---|---|---|")
    for fault in FAULTS:
        if given.only and fault.name not in given.only:
            continue
        report, seconds = run(brief(fault) if given.brief and fault.name != "short-time" else fault, place)
        print(row(fault, report, seconds), flush=True)
        if given.record:
            keep(fault, place, report, given.record)


if __name__ == "__main__":
    main()
