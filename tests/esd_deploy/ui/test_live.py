"""What an open page is told: states, what scripts print, sites that are down; and that nothing is lost by a lost connection."""

import asyncio
import json
import re

import pytest
from tests.esd_deploy.runs.test_taking_up import submitted

from esd_build.data.errors import ToolError
from esd_deploy.backends.connection import GoneError, JobState
from esd_deploy.records import record
from esd_deploy.ui import events
from esd_deploy.ui.events import Log, Watch, logs

DONE = JobState("SUCCESSFUL", exit_code=0)


def heard(stream, number):
    """The first events of a stream, without its beats."""

    async def listen():
        found = []
        async for piece in stream:
            if piece.startswith((b"event", b"id")):
                found.append(piece.decode())
            if len(found) == number:
                await stream.aclose()
                return found
        return found

    return asyncio.run(asyncio.wait_for(listen(), 20))


def data(text):
    return json.loads(re.search(r"^data: (.*)$", text, re.MULTILINE)[1])


def asked(follower, run):
    """As the follower's thread does it, in this one."""
    follower._rounds[run.record.site] = type("Round", (), {"over": False, "again": 0.0, "begun": 0.0})()
    follower._ask(run.record.site, [run.id])


def test_a_state_that_the_site_tells_is_in_the_record(desk, place, script, runs, connection):
    run = submitted(place, script, runs)
    connection.states = [JobState("RUNNING")]

    asked(desk.follower, run)

    assert record.load(runs, run.id).status == "RUNNING"


def test_the_results_of_a_run_that_ends_are_fetched(desk, place, script, runs, connection):
    run = submitted(place, script, runs)
    connection.states, connection.results = [DONE], {"out.txt": b"x"}

    desk.follower._bring_all([run.id])

    assert record.load(runs, run.id).complete


def test_a_site_that_is_down_is_told_once_and_connected_to_anew(desk, place, script, runs, monkeypatch):
    run, opened = submitted(place, script, runs), []

    def load(_name):
        opened.append(1)
        if len(opened) == 1:
            raise ToolError("no answer\nat all")
        return place

    monkeypatch.setattr(desk.follower, "_load", load)
    asked(desk.follower, run)
    before = desk.follower.notices()
    asked(desk.follower, run)

    assert (before, desk.follower.notices(), len(opened)) == (["valid: no answer"], [], 2)


def test_a_job_that_is_gone_is_asked_about_no_more(desk, place, script, runs, connection, monkeypatch):
    run = submitted(place, script, runs)

    def gone(_job):
        raise GoneError("no longer there")

    monkeypatch.setattr(connection, "state", gone)
    asked(desk.follower, run)

    assert (desk.follower._active(), desk.follower.of_run(run.id)) == ({}, "no longer there")


def test_a_page_that_shows_what_is_there_is_told_nothing_until_it_changes(desk, place, script, runs, connection):
    run = submitted(place, script, runs)
    watch = Watch(desk.shelf, desk.follower, tick_s=0)
    mine = lambda: {run.id: desk.shelf.entry(run.id)}  # noqa: E731
    seen = events.stamp(mine())
    stream = watch.many(seen, mine)

    async def listen():
        first = [await anext(stream) for _ in range(4)]
        connection.states = [JobState("RUNNING")]
        run.refresh()
        later = [piece async for piece in stream if piece.startswith(b"event: changed") and not desk.follower.stop()]
        return first, later[0].decode()

    first, changed = asyncio.run(asyncio.wait_for(listen(), 20))
    assert not any(piece.startswith(b"event: changed") for piece in first)
    assert data(changed)["said"] == f"run {run.id}: RUNNING"


def test_a_page_that_comes_back_late_is_told_at_once(desk, place, script, runs):
    run = submitted(place, script, runs)
    watch = Watch(desk.shelf, desk.follower, tick_s=0)

    assert "event: changed" in heard(watch.many("old", lambda: {run.id: desk.shelf.entry(run.id)}), 1)[0]
    assert any("event: changed" in one for one in heard(watch.one(run.id, "old", ""), 2))


def test_two_pages_hear_the_same(desk, place, script, runs):
    run = submitted(place, script, runs)
    watch = Watch(desk.shelf, desk.follower, tick_s=0)

    first, second = (heard(watch.one(run.id, "old", ""), 2) for _ in range(2))

    assert first == second


def test_what_a_script_prints_goes_on_where_the_page_stopped(desk, place, script, runs, connection):
    run = submitted(place, script, runs)
    connection.states, connection.results = [JobState("RUNNING")], {"stdout": "größer\n".encode()}
    run.refresh()
    watch = Watch(desk.shelf, desk.follower, tick_s=0)

    (first,) = heard(watch.one(run.id, "", ""), 1)
    mark = re.search(r"^id: (.*)$", first, re.MULTILINE)[1]
    connection.results = {"stdout": "größer\nnext\n".encode()}
    (second,) = heard(watch.one(run.id, "", mark), 1)

    assert [data(one)["text"] for one in (first, second)] == ["größer\n", "next\n"]


def test_a_character_that_is_cut_in_two_is_whole_on_the_page():
    log, content = Log("stdout"), "aß".encode()

    first, mark, second = log.text(content[:2]), log.mark, log.text(content[2:])

    assert (first, mark, second) == ("a", 1, "ß")


def test_of_very_much_text_the_end_is_told():
    text = Log("stdout").text(b"x" * (events.MOST_TEXT + 5))

    assert (text.startswith("(5 bytes are left out"), len(text) < events.MOST_TEXT + 100) == (True, True)


@pytest.mark.parametrize("mark", ["", "x", "1", "-1-2", "1-2-3", "9" * 400])
def test_a_mark_that_is_none_begins_at_the_beginning(mark):
    assert [one.at for one in logs(mark)] == [0, 0]


def test_text_of_programs_cannot_make_events():
    told = events.event("log", {"text": "a\n\nevent: changed\ndata: {}\n\n"})

    assert told.count(b"\n") == 3


def test_a_page_that_ends_leaves_no_stream_open(desk, place, script, runs):
    run = submitted(place, script, runs)
    desk.follower.stop()

    assert heard(Watch(desk.shelf, desk.follower).one(run.id, "", ""), 5) == []
