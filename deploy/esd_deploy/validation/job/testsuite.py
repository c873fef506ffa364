"""One file of NEST's own MPI tests, from where NEST was installed, on all ranks: testsuite.py NUMBER. One JSON line from rank 0.

Each file needs processes of its own, as NEST's runner gives it: two in one process wait for each other for ever.

`esd/pytest.zip` is this client's pytest, for images that have none.
"""

import json
import os
import pathlib
import sys
import xml.etree.ElementTree as ET

os.environ["PYNEST_QUIET"] = "1"
sys.path.append("esd/pytest.zip")
import nest

rank, ranks = nest.Rank(), nest.NumProcesses()
suite = pathlib.Path(nest.build_info["prefix"]) / "share" / "nest" / "testsuite" / "pytests" / "mpi_direct" / str(ranks)
number = int(sys.argv[1])
everything = sorted(suite.glob("test_*.py"))
tests = everything[number - 1 : number]
try:
    import pytest
except ImportError:
    pytest = None
if not everything or pytest is None:
    facts = {"missing": "pytest" if everything else f"{suite} has no tests", "tests": 0, "failures": 0}
elif not tests:
    facts = {"missing": None, "tests": 0, "failures": 0}
else:
    report = pathlib.Path(f"esd/nest-testsuite-{number}-{rank}.xml").resolve()
    written, sys.stdout = sys.stdout, sys.stderr
    pytest.main(["-q", "-p", "no:cacheprovider", f"--junit-xml={report}", *map(str, tests)])
    sys.stdout = written
    found = list(ET.parse(report).iter("testsuite"))
    count = {key: sum(int(one.get(key, "0")) for one in found) for key in ("tests", "failures", "errors")}
    facts = {"missing": None, "tests": count["tests"], "failures": count["failures"] + count["errors"]}
facts["files"] = len(everything)
if rank == 0:
    sys.stdout.write(json.dumps(facts) + "\n")
