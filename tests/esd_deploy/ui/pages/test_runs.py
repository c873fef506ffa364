"""Runs as pages: what they show, what they escape, what can be done."""

import json

import pytest
from tests.esd_deploy.runs.test_taking_up import submitted

from esd_build.data.errors import ToolError
from esd_deploy.backends.connection import JobState
from esd_deploy.records import record
from esd_deploy.ui.pages import runs as run_pages
from esd_deploy.ui.shelf import Shelf

DONE = JobState("SUCCESSFUL", exit_code=0)
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def done(place, script, runs, connection):
    """A run that has ended, with results."""

    def made(**results):
        run = submitted(place, script, runs, tags=["night"])
        connection.states = [DONE]
        connection.results = {"stdout": b"hello", **{name: text.encode() for name, text in results.items()}}
        run.wait()
        return run

    return made


def changed(run, **values):
    """The record with other values."""
    path = run.folder / record.FILE_NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_the_list_names_each_run_and_its_state(browser, place, script, runs, connection):
    first, second = (submitted(place, script, runs) for _ in range(2))

    text = browser.get("/runs").text

    assert f"/run/{first.id}" in text
    assert f"/run/{second.id}" in text
    assert "2 runs" in text


def test_no_run_is_told_with_what_to_do(browser):
    assert "esd-deploy submit" in browser.get("/runs").text


def test_one_damaged_record_is_one_line_and_hides_no_other(browser, done, runs):
    run = done()
    (runs / "broken").mkdir()
    (runs / "broken" / record.FILE_NAME).write_text("{")

    text = browser.get("/runs").text

    assert f"/run/{run.id}" in text
    assert "not a run record" in text
    assert browser.get("/run/broken").status_code == 502


def test_what_names_and_programs_say_stays_text(browser, done):
    run = done(**{f"{EVIL}.html": "x"})
    changed(run, name=EVIL, message=EVIL, tags=[EVIL], metrics={EVIL: 1}, parameters={EVIL: EVIL}, versions={"NEST": EVIL})
    (run.folder / "stdout").write_text(f"{EVIL}\x1b[31mred\x1b[0m\u202e")

    for path in ("/runs", f"/run/{run.id}", f"/runs?tag={EVIL}", f"/runs?text={EVIL}"):
        text = browser.get(path).text
        assert EVIL not in text, path
        assert "\u202e" not in text
        assert "\x1b" not in text
    assert "&lt;script&gt;" in browser.get(f"/run/{run.id}").text


def test_a_filter_finds_by_tag_site_state_and_text(browser, done):
    run = done()

    for query in ("tag=night", f"site={run.record.site}", "outcome=succeeded", "text=NET.py"):
        assert f"/run/{run.id}" in browser.get(f"/runs?{query}").text, query
    for query in ("tag=day", "site=jusuf", "outcome=failed", "text=nothing", "outcome=nonsense"):
        assert "No run fits" in browser.get(f"/runs?{query}").text, query


def test_a_page_without_a_filter_reads_only_its_own_records(monkeypatch, runs):
    for number in range(3 * run_pages.PAGE):
        (runs / f"run-{number:04}").mkdir()
        (runs / f"run-{number:04}" / record.FILE_NAME).write_text("{}")
    read = []
    monkeypatch.setattr(record, "own", lambda _runs, run_id: read.append(run_id) or (_ for _ in ()).throw(ToolError("none")))

    shown, page, number = run_pages.chosen(Shelf(runs), {"page": "2"})

    assert (len(shown), page, number, len(read)) == (run_pages.PAGE, 2, 3 * run_pages.PAGE, run_pages.PAGE)


@pytest.mark.parametrize("page", ["0", "-1", "x", "9" * 30, "²"])
def test_a_page_that_cannot_be_is_the_first_or_empty(browser, done, page):
    done()
    assert browser.get(f"/runs?page={page}").status_code == 200


def test_a_record_is_read_again_only_when_it_has_changed(monkeypatch, done, runs):
    run = done()
    shelf, read, real = Shelf(runs), [], record.own
    monkeypatch.setattr(record, "own", lambda *where: read.append(where) or real(*where))

    before = shelf.entry(run.id), shelf.entry(run.id)
    changed(run, message="another one, which makes it longer", exit_code=3)

    assert (shelf.entry(run.id).outcome, before[0].outcome, before[0] is before[1], len(read)) == ("failed", "succeeded", True, 2)


def test_a_run_whose_post_processing_failed_is_no_success_in_the_list(browser, done):
    run = done()
    changed(run, ending={"kind": "post-processing failed", "because": "exit code 2"})

    assert f"/run/{run.id}" in browser.get("/runs?outcome=failed").text


def test_a_run_shows_its_log_its_pictures_and_its_files(browser, done):
    run = done(**{"rate.png": "picture", "data.csv": "1"})

    text = browser.get(f"/run/{run.id}").text

    assert "hello" in text
    assert f'<img loading="lazy" src="{browser.keys.prefix}/run/{run.id}/file/rate.png"' in text
    assert f'href="{browser.keys.prefix}/run/{run.id}/file/data.csv"' in text
    assert "data-events" not in text


def test_pictures_and_text_are_shown_and_all_else_is_kept(browser, done):
    run = done(**{"a.png": "p", "b.svg": EVIL, "c.html": EVIL, "d.csv": "1", "e": EVIL})

    def told(name):
        answer = browser.get(f"/run/{run.id}/file/{name}")
        assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        return answer.headers["content-type"], answer.headers["content-disposition"].partition(";")[0]

    assert [told(name) for name in ("a.png", "b.svg", "c.html", "d.csv", "e")] == [
        ("image/png", "inline"),
        ("image/svg+xml", "inline"),
        ("application/octet-stream", "attachment"),
        ("text/plain; charset=utf-8", "inline"),
        ("application/octet-stream", "attachment"),
    ]


@pytest.mark.parametrize(
    "path", ["..%2Fsecret", "..%2F..%2Fetc%2Fpasswd", "%2Fetc%2Fpasswd", "link", "folder%2F..%2F..%2Fsecret", ".lock", "a%00b"]
)
def test_no_address_leads_out_of_the_run(browser, done, runs, path):
    run = done()
    (runs / "secret").write_text("SECRET")
    (run.folder / "link").symlink_to(runs / "secret")

    answer = browser.get(f"/run/{run.id}/file/{path}")

    assert answer.status_code in {400, 404}
    assert "SECRET" not in answer.text


def test_a_result_that_became_a_link_is_not_followed(browser, done, runs):
    run = done(**{"a.txt": "x"})
    (runs / "secret").write_text("SECRET")
    (run.folder / "a.txt").unlink()
    (run.folder / "a.txt").symlink_to(runs / "secret")

    assert "SECRET" not in browser.get(f"/run/{run.id}/file/a.txt").text


def test_a_run_is_aborted_at_its_site(browser, place, script, runs, connection):
    run = submitted(place, script, runs)
    connection.states = [JobState("RUNNING")]

    answer = browser.post(f"/run/{run.id}/cancel")
    page = browser.get(answer.headers["location"].removeprefix(browser.keys.prefix))

    assert (answer.status_code, connection.aborted, record.load(runs, run.id).status) == (303, 1, "FAILED")
    assert "was RUNNING, is FAILED" in page.text


def test_results_are_fetched_on_request(browser, place, script, runs, connection):
    run = submitted(place, script, runs)
    connection.states, connection.results = [DONE], {"out.txt": b"spikes"}

    browser.post(f"/run/{run.id}/fetch")

    assert (run.folder / "out.txt").read_bytes() == b"spikes"


def test_a_site_that_is_down_is_one_message_on_the_run(browser, desk, place, script, runs, monkeypatch):
    run = submitted(place, script, runs)

    def down(_name):
        raise ToolError("site 'valid' does not answer; is it up?")

    monkeypatch.setattr(desk.follower, "_load", down)
    answer = browser.post(f"/run/{run.id}/cancel")
    text = browser.get(answer.headers["location"].removeprefix(browser.keys.prefix)).text

    assert text.count("does not answer; is it up?") == 1
    assert 'role="alert"' in text


def test_an_unknown_run_is_one_message(browser):
    answer = browser.get("/run/nothing")

    assert (answer.status_code, "no run &#39;nothing&#39;" in answer.text) == (400, True)
