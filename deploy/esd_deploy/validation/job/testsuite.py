"""NEST's own MPI tests, from where NEST was installed, by rank 0 of a step: one JSON line. Without them it says so."""

import json
import os
import pathlib
import sys
import xml.etree.ElementTree as ET

if os.environ.get("SLURM_PROCID", "0") != "0":
    sys.exit(0)  # the tests start what they need by themselves
os.environ["PYNEST_QUIET"] = "1"
import subprocess

import nest

suite = pathlib.Path(nest.build_info["prefix"]) / "share" / "nest" / "testsuite"
tests = sorted((suite / "pytests").glob("**/mpi/**/test_*.py")) + sorted((suite / "pytests").glob("**/*mpi*.py"))
if not tests:
    facts = {"missing": f"no MPI tests in {suite}", "tests": 0, "failures": 0}
elif subprocess.run([sys.executable, "-c", "import pytest"], capture_output=True, check=False).returncode:
    facts = {"missing": "pytest is not in the image", "tests": 0, "failures": 0}
else:
    report = pathlib.Path("esd/nest-testsuite.xml").resolve()
    subprocess.run([sys.executable, "-m", "pytest", "-q", f"--junit-xml={report}", *map(str, tests)], check=False, stdout=sys.stderr)
    found = list(ET.parse(report).iter("testsuite"))
    count = {key: sum(int(one.get(key, "0")) for one in found) for key in ("tests", "failures", "errors")}
    facts = {"missing": None, "tests": count["tests"], "failures": count["failures"] + count["errors"]}
sys.stdout.write(json.dumps(facts) + "\n")
