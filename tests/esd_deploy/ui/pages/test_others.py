"""Sweeps, sites, images, verdicts and drift: what is there, and what is told where nothing is."""

import json

import pytest
from tests.esd_deploy.runs.test_taking_up import submitted
from tests.esd_deploy.validation.reports.test_report import EVIL as EVIL_WORDS
from tests.esd_deploy.validation.reports.test_report import made

from esd_build.data.errors import ToolError
from esd_deploy import Site
from esd_deploy.records import record
from esd_deploy.sites.catalogue import Catalogue

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def members(place, script, runs):
    """Two runs of a sweep, with parameters and metrics of which one means harm."""
    found = [submitted(place, script, runs, tags=["a/b c"]) for _ in range(2)]
    for number, run in enumerate(found):
        path = run.folder / record.FILE_NAME
        values = {"parameters": {"g": 4 + number, "word": EVIL}, "metrics": {"rate_hz": 8.5}}
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    return found


def test_a_sweep_is_one_table_with_its_parameters_and_metrics(browser, members):
    listed = browser.get("/sweeps").text
    table = browser.get("/sweep/a/b%20c").text

    assert f"{browser.keys.prefix}/sweep/a/b%20c" in listed
    assert "g, word" in listed
    assert all(f"/run/{run.id}" in table for run in members)
    assert [f">{head}</th>" in table for head in ("g", "word", "rate_hz", "seconds")] == [True] * 4
    assert EVIL not in table


def test_the_rows_of_a_sweep_are_in_the_order_of_its_parameters(browser, place, script, runs):
    for value in (10, 9.5, "word"):
        run = submitted(place, script, runs, tags=["ordered"])
        path = run.folder / record.FILE_NAME
        path.write_text(json.dumps({**json.loads(path.read_text()), "parameters": {"g": value}}))

    text = browser.get("/sweep/ordered").text

    assert text.index(">9.5</td>") < text.index(">10</td>") < text.index(">word</td>")


def test_a_tag_that_no_run_has_is_one_message(browser):
    assert browser.get("/sweep/none").status_code == 400
    assert "No run has a tag yet" in browser.get("/sweeps").text


def test_every_site_is_listed_with_its_verdicts(browser, desk):
    made(site="local", id="one").save(desk.validations / "one")
    text = browser.get("/sites").text

    assert all(f"/site/{name}" in text for name in Catalogue.find().site_names)
    assert f"{browser.keys.prefix}/verdicts#local-" in text


def test_a_site_shows_its_settings_with_their_source(browser):
    text = browser.get("/site/jusuf").text

    assert "jusuf.yaml" in text
    assert browser.get("/site/nowhere").status_code == 400


def test_the_verdicts_are_the_page_of_report_and_cannot_run_anything(browser, desk):
    assert browser.get("/verdicts").status_code == 400
    made().save(desk.validations / "2026-0")
    answer = browser.get("/verdicts")

    assert (answer.status_code, EVIL_WORDS in answer.text) == (200, False)
    assert "script-src" not in answer.headers["content-security-policy"]
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_a_damaged_validation_is_told_and_hides_no_site(browser, desk):
    (desk.validations / "bad").mkdir(parents=True)
    (desk.validations / "bad" / "validation.json").write_text("{")

    assert "is not a validation report" in browser.get("/sites").text
    assert "jusuf" in browser.get("/sites").text
    assert "is not a validation report" in browser.get("/images").text


def test_images_are_named_and_a_site_that_is_down_is_one_message(browser, monkeypatch):
    def down(_name):
        raise ToolError("site 'local' is not up; `esd-deploy local up` starts it")

    monkeypatch.setattr(Site, "load", down)

    assert "nest" in browser.get("/images").text
    assert browser.post("/images", {"site": "local"}).text.count("is not up;") == 1


def test_without_a_probe_drift_says_how_to_make_one(browser):
    answer = browser.get("/drift")

    assert (answer.status_code, "esd-deploy drift" in answer.text) == (400, True)
