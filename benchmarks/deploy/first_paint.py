"""How soon the page of `esd-deploy ui` is seen with many runs: first contentful paint in Chromium, and the server's own answer.

    python benchmarks/deploy/first_paint.py [--runs 1000] [--times 10]      (needs Playwright and Chromium; no site)

The runs are copies of one record that ended, so nothing is asked of any site. Exit code 1 if the median paint is later than 0.5 s.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from overhead import DEPLOY
from playwright.sync_api import Browser, sync_playwright

RECORD = Path(__file__).parents[2] / "tests" / "data" / "records" / "form-2.json"
MOST_S = 0.5
TIMES = """() => new Promise(done => new PerformanceObserver(list => {
    const paint = list.getEntriesByName("first-contentful-paint")[0];
    if (paint) done({paint: paint.startTime, answer: performance.getEntriesByType("navigation")[0].responseEnd});
}).observe({type: "paint", buffered: true}))"""


def copies(folder: Path, count: int) -> None:
    """Runs of one sweep, a minute apart, each with a value of its parameter."""
    known = json.loads(RECORD.read_text())
    for number in range(count):
        moved = timedelta(minutes=number)
        states = [{**one, "time": (datetime.fromisoformat(one["time"]) + moved).isoformat()} for one in known["states"]]
        run_id = f"{datetime(2026, 12, 1) + moved:%Y%m%d-%H%M%S}-{number:06x}"  # noqa: DTZ001 - a name, not a time
        (folder / run_id).mkdir(parents=True)
        one = {**known, "id": run_id, "states": states, "parameters": {"g": number}, "tags": ["sweep-net"]}
        (folder / run_id / "run.json").write_text(json.dumps(one))


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def served(runs: Path, *options: str) -> Iterator[str]:
    """The page over a folder of runs; gives its start address."""
    with subprocess.Popen((DEPLOY, "ui", "--output", str(runs), *options), stdout=subprocess.PIPE, text=True, bufsize=1) as server:
        try:
            yield next(word for line in server.stdout or () for word in line.split() if word.startswith("http://"))
        finally:
            server.terminate()


def measured(address: str, times: int) -> list[dict[str, float]]:
    """Milliseconds from the navigation's start, each in a browser context without a cache."""
    found = []
    with chromium() as browser:
        for _ in range(times):
            context = browser.new_context()
            page = context.new_page()
            page.goto(address)  # the start address gives the cookie; the page of all runs is where it leads
            page.reload()
            found.append(page.evaluate(TIMES))
            context.close()
    return found


def main() -> None:
    """Make the runs, serve the page, measure; a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--times", type=int, default=10)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="esd-paint-") as folder:
        copies(Path(folder) / "runs", given.runs)
        with served(Path(folder) / "runs", "--no-fetch") as address:
            found = measured(address, given.times)
    print(f"| {given.runs} runs, {given.times} times | median, ms | most, ms |\n|---|---|---|")
    for what, name in (("answer", "the server's answer is here"), ("paint", "first contentful paint")):
        values = [one[what] for one in found]
        print(f"| {name} | {statistics.median(values):.0f} | {max(values):.0f} |")
    sys.exit(statistics.median(one["paint"] for one in found) > 1000 * MOST_S)


if __name__ == "__main__":
    main()
