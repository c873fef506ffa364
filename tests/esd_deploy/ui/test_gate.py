"""Who gets in, and what no answer lets a browser do."""

import pytest
from tests.esd_deploy.ui.conftest import HOST


def test_without_the_token_nothing_is_told(stranger):
    for path in ("/", "/runs", "/submit", "/static/page.js", "/run/any/file/any", "/nothing"):
        answer = stranger.get(path)
        assert (answer.status_code, "run" in answer.text.partition("\n")[2]) == (403, False), path
    assert stranger.get("/", prefix="").status_code == 403


def test_the_token_opens_the_page_for_the_cookie_that_it_sets(stranger):
    answer = stranger.get(f"/start?token={stranger.keys.token}")

    cookie = answer.headers["set-cookie"].lower()
    assert (answer.status_code, answer.headers["location"]) == (303, f"{stranger.keys.prefix}/")
    assert all(word in cookie for word in ("httponly", "samesite=strict", f"path={stranger.keys.prefix}/"))
    assert stranger.keys.token not in cookie
    assert stranger.enter().get("/runs").status_code == 200


@pytest.mark.parametrize("token", ["", "wrong", "ü", "%00"])
def test_another_token_opens_nothing(stranger, token):
    answer = stranger.get(f"/start?token={token}")

    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


@pytest.mark.parametrize("host", ["evil.example.org", "evil.example.org:8000", "127.0.0.1.evil.org", "", "192.168.1.5:8000"])
def test_a_foreign_name_of_this_address_is_refused_even_with_the_cookie(browser, host):
    assert browser.get("/runs", host=host).status_code == 403
    assert browser.get(f"/start?token={browser.keys.token}", host=host).status_code == 403


def test_a_forwarded_port_is_this_machine_too(browser):
    assert browser.get("/runs", host="localhost:9999").status_code == 200


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example.org", "http://127.0.0.1:9999", f"https://{HOST}"])
def test_a_form_of_another_page_does_nothing(browser, origin):
    for path in ("/submit", "/run/any/cancel", "/run/any/fetch", "/run/any/rerun"):
        assert browser.post(path, origin=origin).status_code == 403


def test_no_answer_may_run_foreign_code(browser):
    for answer in (browser.get("/runs"), browser.get("/nothing"), browser.get("/runs", host="evil.org"), browser.get("/static/page.js")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_reading_changes_nothing(browser):
    assert browser.get("/run/any/cancel").status_code == 405
