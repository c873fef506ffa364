"""One file of NEST's own MPI tests, from where NEST was installed, on all ranks: testsuite.py NUMBER. One JSON line from rank 0.

Each file needs processes of its own, as NEST's runner gives it: two in one process wait for each other for ever.

`esd/pytest.zip` is this client's pytest, for images that have none.
"""

import json
import os
import pathlib
import sys

os.environ["PYNEST_QUIET"] = "1"
sys.path.append("esd/pytest.zip")
import nest
from mpi4py import MPI

# Messages of a test that was left early must not be taken for the ones at the end.
own = MPI.COMM_WORLD.Dup()
suite = pathlib.Path(nest.build_info["prefix"]) / "share" / "nest" / "testsuite" / "pytests" / "mpi_direct" / str(own.size)
number = int(sys.argv[1])
everything = sorted(suite.glob("test_*.py"))
tests = everything[number - 1 : number]
try:
    import pytest
except ImportError:
    pytest = None


class Results:
    """What pytest says of each test, on this rank."""

    def __init__(self):
        self.count, self.skipped, self.failed = 0, [], {}

    def pytest_collection_modifyitems(self, items):
        """NEST's tests carry marks such as skipif_missing_music; its conftest.py does not act on all of them."""
        for item in items:
            for mark in item.iter_markers():
                part = mark.name.removeprefix("skipif_missing_")
                if part != mark.name and nest.build_info.get(f"have_{part}") is False:
                    item.add_marker(pytest.mark.skip(reason=f"NEST has no {part}"))

    def pytest_collectreport(self, report):
        if report.failed:
            self.failed[report.nodeid.rsplit("/", 1)[-1]] = last_line(report)

    def pytest_runtest_logreport(self, report):
        name = report.nodeid.partition("::")[2]
        if report.failed:
            self.failed[name] = last_line(report)
        elif report.skipped and not hasattr(report, "wasxfail"):
            self.skipped.append(reason(report))
        self.count += report.when == "setup"


def last_line(report):
    """The error in one line."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(crash.message if crash else report.longrepr).strip()
    return (text.splitlines() or [""])[0][:200]


def reason(report):
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


results = Results()
missing, code = None, 0
if not everything:
    missing = f"{suite} has no tests"
elif pytest is None:
    missing = "pytest"
elif tests:
    written, sys.stdout = sys.stdout, sys.stderr
    code = int(pytest.main(["-q", "--tb=short", "--disable-warnings", "-p", "no:cacheprovider", str(tests[0])], plugins=[results]))
    sys.stdout = written
gathered = own.gather((results.failed, code), 0)
if own.rank == 0:
    # 0: all passed, 1: some failed, 5: there are none; all else is pytest's own trouble.
    trouble = [{"pytest": f"ends with {code}"} if code not in (0, 1, 5) else {} for _, code in gathered]
    failed = {}
    for rank, found in enumerate({**of_tests, **of_pytest} for (of_tests, _), of_pytest in zip(gathered, trouble, strict=True)):
        for name, text in found.items():
            failed.setdefault(name, {"ranks": [], "message": text})["ranks"].append(rank)
    facts = {
        "missing": missing,
        "ranks": own.size,
        "file": tests[0].name if tests else "",
        "files": len(everything),
        "tests": results.count,
        "skipped": results.skipped,
        "failed": failed,
    }
    sys.stdout.write(json.dumps(facts) + "\n")
