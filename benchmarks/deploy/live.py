"""How far the page of `esd-deploy ui` is behind the site: from a state at the server to the same state in Chromium.

    python benchmarks/deploy/live.py --site NAME [--runs 10]      (root; the local site NAME is up, nest:edge in its registry; Chromium)

Runs of three seconds, one after the other. While one runs, its own page and the list of all runs are open, and the server is asked for the
job's state ten times a second. Exit code 1 if any state was seen more than 2 s later than at the server.
"""

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from first_paint import chromium, served
from overhead import site_file
from playwright.sync_api import Browser, Page

from esd_deploy import Site
from esd_deploy.backends.connection import Connection

PROGRAM = "import time\ntime.sleep(3)\n"
MOST_S = 2.0
WATCH = """(run) => {
    window.seen = {};
    const note = () => {
        const link = [...document.querySelectorAll("td a")].find(one => one.textContent === run);
        const state = link ? link.closest("tr").querySelector(".state") : document.querySelector(".lead .state");
        if (state && !(state.textContent in window.seen)) window.seen[state.textContent] = Date.now() / 1000;
    };
    new MutationObserver(note).observe(document.body, {childList: true, subtree: true, characterData: true});
    note();
}"""


@contextmanager
def noted(connection: Connection, job: str) -> Iterator[dict[str, float]]:
    """Each state of a job with the time at which the server first told it, until its end."""
    found: dict[str, float] = {}

    def ask() -> None:
        while not found.keys() & {"SUCCESSFUL", "FAILED"}:
            found.setdefault(connection.state(job).status, time.time())
            time.sleep(0.1)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    yield found
    asking.join(120)


def opened(browser: Browser, address: str, run_id: str) -> tuple[Page, Page]:
    """The list, and the run's own page in a window of its own: a page that nobody sees asks for nothing."""
    context = browser.new_context()
    everything, own = context.new_page(), browser.new_context(storage_state=None)
    everything.goto(address)
    page = own.new_page()
    page.goto(address)
    page.goto(page.url.replace("/runs", f"/run/{run_id}"))
    for one in (everything, page):
        one.evaluate(WATCH, run_id)
    return everything, page


def delays(browser: Browser, address: str, place: Site, folder: Path) -> Iterator[tuple[str, str, float]]:
    """One run: (page, state, seconds behind the server)."""
    run = place.submit(folder / "three.py", image="nest:edge", runs=folder / "runs")
    with noted(place.connect(), str(run.record.job.url)) as at_site:
        pages = dict(zip(("list", "run"), opened(browser, address, run.id), strict=True))
        since = time.time()
        for page in pages.values():
            page.locator(".state.succeeded").first.wait_for(timeout=120_000)
    for name, page in pages.items():
        seen = page.evaluate("window.seen")
        yield from ((name, state, seen[state] - begun) for state, begun in at_site.items() if begun > since and state in seen)
        page.context.close()


def main() -> None:
    """Run, look, compare; a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", required=True)
    parser.add_argument("--runs", type=int, default=10)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="esd-live-"))
    (folder / "runs").mkdir()
    (folder / "three.py").write_text(PROGRAM)
    place = Site.load(str(site_file(given.site, folder)))
    found: dict[tuple[str, str], list[float]] = {}
    with served(folder / "runs", "--validations", str(folder)) as address, chromium() as browser:
        for _ in range(given.runs):
            for page, state, late in delays(browser, address, place, folder):
                found.setdefault((page, state), []).append(late)
    print("| page | state | seen | median, s later | most, s later |\n|---|---|---|---|---|")
    for (page, state), values in sorted(found.items()):
        print(f"| {page} | {state} | {len(values)} | {statistics.median(values):.2f} | {max(values):.2f} |")
    sys.exit(not found or max(max(values) for values in found.values()) > MOST_S)


if __name__ == "__main__":
    main()
