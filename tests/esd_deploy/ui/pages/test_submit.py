"""The form of `submit`: the command's own options, checks and messages."""

import inspect

import pytest

from esd_build.data.errors import UsageError
from esd_deploy import Site
from esd_deploy.commands.run import submit
from esd_deploy.records import record
from esd_deploy.ui.form import Field, words


@pytest.fixture
def at_place(monkeypatch, place, config):
    """Every site is the one in memory."""
    monkeypatch.setattr("esd_deploy.commands.shared.running.load_site", lambda _name: (config, None))
    monkeypatch.setattr(Site, "of", classmethod(lambda _cls, _config, token=None: place))
    return place


def test_the_form_has_every_option_of_the_command(desk):
    options = {name for name in inspect.signature(submit.submit).parameters if name not in {"output", "as_json", "array"}}

    assert {field.name for field in desk.submit.fields} == options
    assert {field.name: field.kind for field in desk.submit.fields}.items() >= {
        "script": "text", "arguments": "words", "nodes": "number", "inputs": "lines", "again": "flag",
    }.items()  # fmt: skip


def test_what_is_filled_in_is_what_would_have_been_typed():
    fields = [
        Field("script", "", "text", "", required=True), Field("arguments", "", "words", ""), Field("site", "--site", "text", ""),
        Field("tag", "--tag", "lines", ""), Field("force", "--force", "flag", ""), Field("time", "--time", "text", ""),
    ]  # fmt: skip
    given = {"script": "--evil.py", "arguments": "--seed '1 2'", "site": "--force", "tag": "a\n\n b \n", "force": "yes"}

    assert words(fields, given) == ["--site=--force", "--tag=a", "--tag=b", "--force", "--", "--evil.py", "--seed", "1 2"]


def test_arguments_that_no_shell_reads_are_one_message():
    with pytest.raises(UsageError, match="No closing quotation"):
        words([Field("arguments", "", "words", "")], {"arguments": "'"})


def test_a_run_is_submitted_as_the_command_does_it(browser, at_place, script, runs):
    answer = browser.post("/submit", {"script": str(script), "site": "valid", "image": "nest", "nodes": "2", "tag": "a\nb"})

    (run_id,) = record.known(runs)
    known = record.load(runs, run_id)
    assert answer.headers["location"].startswith(f"{browser.keys.prefix}/run/{run_id}?note=")
    assert (known.tags, known.nodes, known.job.url is not None) == (("a", "b"), 2, True)


def test_a_sweep_is_submitted_to_its_end_and_listed(browser, at_place, script, runs):
    answer = browser.post("/submit", {"script": str(script), "site": "valid", "image": "nest", "param": "g=4,5\nseed=1..2"})

    assert "tag=sweep-net" in answer.headers["location"]
    for _ in range(200):
        if len(record.known(runs)) == 4:
            break
        browser.get("/runs")
    assert len(record.known(runs)) == 4


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("nodes", "x", "--nodes"),
        ("nodes", "0", "--nodes"),
        ("nodes", "100000", "nodes"),
        ("time", "soon", "--time"),
        ("script", "/nowhere.py", "/nowhere.py"),
        ("script", "", "script"),
        ("site", "", "--site"),
        ("param", "g", "NAME=VALUES"),
        ("env", "<b>", "NAME=VALUE"),
        ("mode", "<b>", "mode"),
    ],
)
def test_what_is_wrong_is_the_commands_message_and_the_form_keeps_the_rest(browser, at_place, script, runs, field, value, told):
    given = {"script": str(script), "site": "valid", "image": "nest", "tag": "kept", field: value}

    answer = browser.post("/submit", given)

    problem = answer.text.partition('role="alert"')[2].partition("</pre>")[0]
    assert (answer.status_code, told.lower() in problem.lower(), record.known(runs)) == (422, True, [])
    assert ">kept</textarea>" in answer.text
    assert "<b>" not in answer.text


def test_a_form_of_megabytes_is_refused(browser):
    assert browser.post("/submit", {"script": "x" * 2_000_000}).status_code == 400


def test_what_is_no_form_is_refused(browser):
    assert browser.ask("POST", "/submit", content=b"{}", headers={"content-type": "application/json"}).status_code == 400
