"""Series of measurements as a page: which there are, and the page of each, of which nothing acts and no other file is shown."""

import os

import pytest
from tests.esd_deploy.bench.test_page import point, series

from esd_build.data.errors import UsageError
from esd_deploy.bench.reports import files, listing

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def measured(desk):
    """Writes a series as `bench` does; gives its folder."""

    def write(name="s-local", *, whole=True, **changes):
        found = series(point(2.0), point(1.0, threads=2), point(1.0, threads=4, outcome="void")).model_copy(update=changes)
        files.write(found, desk.bench / name, whole=whole)
        return desk.bench / name

    return write


def test_a_series_is_listed_with_site_points_outcomes_and_time_and_leads_to_its_page(browser, measured):
    folder = measured()

    text = browser.get("/bench").text
    page = browser.get("/bench/s-local")

    link = f'href="{browser.keys.prefix}/bench/s-local"'
    assert [word in text for word in (link, ">local<", "2 measured", "1 void", ">3<", "2026-12-01 12:00:00")] == [True] * 6
    assert page.content == (folder / "index.html").read_bytes()
    assert page.headers["content-type"] == "text/html; charset=utf-8"


def test_what_a_series_says_is_escaped_and_its_page_is_in_a_sandbox_without_programs(browser, measured):
    folder = measured(description=EVIL, site=EVIL)
    (folder / "index.html").write_text(EVIL)

    policy = browser.get("/bench/s-local").headers["content-security-policy"].split("; ")

    assert EVIL not in browser.get("/bench").text
    assert {"sandbox", "default-src 'none'"} <= set(policy)
    assert not any(one.startswith("script-src") for one in policy)


def test_the_newest_is_first_and_one_that_goes_on_has_no_page_yet(browser, measured):
    measured("old", created="2026-11-30T10:00:00+00:00")
    measured("new", whole=False)

    text = browser.get("/bench").text

    assert text.index("new <span") < text.index(">old<")
    assert f'href="{browser.keys.prefix}/bench/new"' not in text
    assert "once all points are measured" in browser.get("/bench/new").text


@pytest.mark.parametrize("content", ["", "[]", '{"name": "s"}', '{"name": "s", "points": [{"outcome": "<b>"}]}'])
def test_a_damaged_series_is_told_and_the_others_are_there(browser, measured, content):
    measured("good")
    (measured("bad") / "series.json").write_text(content)

    answer = browser.get("/bench")

    assert (answer.status_code, ">good<" in answer.text, "series.json is none of `esd-deploy bench`" in answer.text) == (200, True, True)
    assert browser.get("/bench/bad").status_code == 400


def test_a_folder_whose_name_is_no_text_is_told(browser, measured):
    folder = measured()
    folder.rename(folder.with_name(os.fsdecode(b"\xff\xfe")))

    answer = browser.get("/bench")

    assert (answer.status_code, "unreadable" in answer.text) == (200, True)


def test_only_the_page_of_a_series_is_shown(browser, measured, tmp_path):
    folder = measured()
    (tmp_path / "index.html").write_text("a secret")
    (tmp_path / "series.json").write_bytes((folder / "series.json").read_bytes())
    (folder.parent / "no-series").mkdir()
    (folder.parent / "no-series" / "index.html").write_text("a secret")

    for path in ("s-local/series.json", "s-local%2fseries.json", "%2e%2e", "..%2fs-local", "no-series", "none", "%00"):
        answer = browser.get(f"/bench/{path}")
        assert (answer.status_code >= 400, "a secret" in answer.text, '"points"' in answer.text) == (True, False, False), path
    for name in ("", ".", "..", "s-local/..", str(tmp_path)):
        with pytest.raises(UsageError, match="is no series"):
            listing.page(folder.parent, name)


@pytest.mark.parametrize("which", ["folder", "page", "data"])
def test_no_link_is_followed(browser, measured, tmp_path, which):
    folder = measured()
    other = tmp_path / "other"
    folder.rename(other)
    (other / "index.html").write_text("a secret")
    if which == "folder":
        folder.symlink_to(other)
    else:
        folder.mkdir()
        for name in ("index.html", "series.json"):
            if (name == "index.html") == (which == "page"):
                (folder / name).symlink_to(other / name)
            else:
                (folder / name).write_bytes((other / name).read_bytes())

    answer = browser.get("/bench/s-local")

    assert answer.status_code >= 400
    assert "a secret" not in answer.text


def test_what_is_no_plain_file_hangs_nothing(browser, measured):
    folder = measured()
    (folder / "index.html").unlink()
    os.mkfifo(folder / "index.html")

    assert browser.get("/bench/s-local").status_code == 502
    (folder / "series.json").unlink()
    os.mkfifo(folder / "series.json")
    assert "is not a regular file" in browser.get("/bench").text


def test_without_a_series_the_page_says_how_to_make_one(browser):
    answer = browser.get("/bench")

    assert (answer.status_code, "esd-deploy bench FILE" in answer.text, "No series is there" in answer.text) == (200, True, True)
