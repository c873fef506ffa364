"""The page in a real browser: Chromium without a window, over loopback, at a site in memory."""

import shutil
import threading
import time

import pytest
import uvicorn
from tests.esd_deploy.bench.test_page import point, series
from tests.esd_deploy.runs.test_taking_up import submitted

from esd_deploy.backends.connection import JobState
from esd_deploy.bench.reports import files
from esd_deploy.ui import serving
from esd_deploy.ui.app import app
from esd_deploy.ui.gate import Keys

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: `make setup` installs it")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: `apt-get install chromium` brings one"),
]
EVIL = "<img src=x onerror=alert(1)>"
PAGES = ("runs", "sweeps", "services", "submit", "sites", "site/jusuf", "images", "bench")
expect = sync_api.expect


@pytest.fixture(scope="module")
def chromium():
    expect.set_options(timeout=60_000)  # on a machine that is busy
    with sync_api.sync_playwright() as tool:
        found = tool.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def address(desk):
    """The start address of a page that is served."""
    desk.shelf._clock = time.monotonic
    keys = Keys()
    with serving.bound(0) as listening:
        config = uvicorn.Config(app(desk, keys), log_config=None, access_log=False, timeout_graceful_shutdown=1, ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        yield keys.start(listening.getsockname()[1])
        desk.follower.stop()
        server.should_exit = True
        thread.join(30)


@pytest.fixture
def said():
    """What the browser complains of."""
    return []


@pytest.fixture
def page(chromium, address, said):
    context = chromium.new_context()
    context.set_default_timeout(60_000)
    found = context.new_page()
    found.on("console", lambda told: said.append(told.text))
    found.on("pageerror", lambda error: said.append(str(error)))
    found.on("dialog", lambda dialog: said.append(dialog.message) or dialog.dismiss())
    found.goto(address)
    yield found
    context.close()


def test_a_run_is_seen_from_its_queue_to_its_results_in_two_pages_at_once(page, said, place, script, runs, connection):
    connection.states = [JobState("QUEUED")]
    run = submitted(place, script, runs, name=None, tags=[EVIL])
    page.reload()
    second = page.context.new_page()
    second.goto(page.url.replace("/runs", f"/run/{run.id}"))

    connection.results = {"stdout": b"begin\n"}
    connection.states = [JobState("RUNNING")]
    expect(page.locator(".state.active")).to_have_text("RUNNING")
    expect(second.locator("[data-log=stdout]")).to_have_text("begin")
    expect(page.locator("#said")).to_have_text(f"run {run.id}: RUNNING")
    connection.results = {"stdout": f"begin\n{EVIL}\n".encode()}
    expect(second.locator("[data-log=stdout]")).to_contain_text(EVIL)
    connection.states = [JobState("SUCCESSFUL", exit_code=0)]

    expect(page.locator(".state.succeeded")).to_have_text("SUCCESSFUL")
    expect(second.locator("#h-files")).to_be_visible()
    assert second.locator("pre.log").first.text_content() == f"begin\n{EVIL}\n"
    assert said == []


def test_a_page_that_loses_its_server_says_so_and_goes_on_where_the_log_stopped(page, place, script, runs, connection):
    connection.states, connection.results = [JobState("RUNNING")], {"stdout": b"one\n"}
    run = submitted(place, script, runs)
    run.refresh()
    page.goto(page.url.replace("/runs", f"/run/{run.id}"))
    log = page.locator("[data-log=stdout]")
    expect(log).to_have_text("one")

    page.context.set_offline(True)
    page.evaluate("close(), connect()")  # offline mode leaves streams that are open alone
    expect(page.locator("#away")).to_be_visible()
    connection.results = {"stdout": b"one\ntwo\n"}
    page.context.set_offline(False)

    expect(log).to_contain_text("two")
    expect(page.locator("#away")).to_be_hidden()
    assert log.text_content() == "one\ntwo\n"


def test_the_page_of_a_series_looks_as_written_and_no_program_in_it_runs(page, said, desk):
    files.write(series(point(2.0), point(1.0, threads=2)), desk.bench / "s-local")
    file = desk.bench / "s-local" / "index.html"
    page.get_by_role("link", name="Bench", exact=True).click()
    page.get_by_role("link", name="s-local").click()

    expect(page.locator("svg").first).to_be_visible()
    assert page.locator("figcaption").first.evaluate("e => getComputedStyle(e).fontWeight") == "600"
    assert said == []
    file.write_text(f"{file.read_text()}<script>document.title = 'changed'</script>{EVIL}")
    page.reload()
    expect(page).to_have_title("s at local")
    assert any("sandboxed" in one or "Content Security Policy" in one for one in said)


def test_a_run_is_aborted_by_the_keyboard_alone(page, place, script, runs, connection):
    connection.states = [JobState("RUNNING")]
    run = submitted(place, script, runs)
    run.refresh()
    page.goto(page.url.replace("/runs", f"/run/{run.id}"))

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Abort this run":
            break
    page.keyboard.press("Enter")

    expect(page.get_by_role("status").filter(has_text="cancelled at")).to_be_visible()
    assert connection.aborted == 1


def test_what_is_wrong_with_a_form_is_announced_and_nothing_typed_is_lost(page, runs):
    page.get_by_role("link", name="Submit", exact=True).click()
    page.get_by_label("script").fill("/nowhere.py")
    page.get_by_label("site").fill("jusuf")
    page.get_by_role("button", name="Submit").click()

    expect(page.get_by_role("alert")).to_contain_text("/nowhere.py")
    expect(page.get_by_label("script")).to_have_value("/nowhere.py")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_400_pixels_and_every_control_has_a_name(page, said, place, script, runs, scheme):
    submitted(place, script, runs, tags=["x" * 60])
    page.set_viewport_size({"width": 400, "height": 800})
    page.emulate_media(color_scheme=scheme)
    base = page.url.rpartition("/")[0]
    for name in PAGES:
        page.goto(f"{base}/{name}")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
        nameless = page.evaluate(
            "[...document.querySelectorAll('a, button, input, select, textarea')]"
            ".filter(e => !(e.textContent.trim() || e.labels?.length || e.getAttribute('aria-label'))).length"
        )
        assert nameless == 0, name
        assert page.locator("h1").count() == 1
    assert said == []
