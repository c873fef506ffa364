"""One client who asks without end: the others wait for their own requests, and not for theirs."""

import asyncio
import json
import threading
from functools import partial

import pytest
from starlette.exceptions import HTTPException

from esd_localsite.description.fields import read_object
from esd_localsite.description.resources import DescriptionError
from esd_localsite.front import fairness, patience
from esd_localsite.front.fairness import Lane, Ledger, TooManyError
from esd_localsite.front.pace import Pace, TooFastError
from esd_localsite.identity.users import Identity
from esd_localsite.jobs import creation
from esd_localsite.jobs.turns import Turns
from esd_localsite.records.shelf import Shelf
from esd_localsite.unicore import requests
from esd_localsite.unicore.requests import LongJson, raw_body


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Day:
    """Requests that last until somebody lets them go."""

    def __init__(self):
        self.clock = Clock()
        self.ledger = Ledger(self.clock)
        self.lane = Lane(4, 1, self.ledger)
        self.inside = []
        self.tasks = set()
        self.doors = {}

    async def ask(self, user, *names):
        for name in names:
            task = asyncio.create_task(self._one(user, name))
            self.tasks.add(task)
        await self.settle()

    async def settle(self):
        for _ in range(5):
            await asyncio.sleep(0)

    async def _one(self, user, name):
        async with self.lane.turn(user) as cost:
            begun = self.clock.now
            self.inside.append(name)
            self.doors[name] = asyncio.Event()
            await self.doors[name].wait()
            cost.seconds = self.clock.now - begun
            self.inside.remove(name)

    async def leave(self, name, after=0.0):
        self.clock.now += after
        self.doors[name].set()
        await self.settle()


def test_who_asks_alone_has_some_requests_in_hand_and_the_others_wait_in_order():
    async def day():
        day = Day()
        await day.ask("ada", "1", "2", "3", "4", "5", "6")
        assert day.inside == ["1", "2", "3", "4"]
        await day.leave("2", 0.5)
        assert day.inside == ["1", "3", "4", "5"]

    asyncio.run(day())


def test_who_uses_far_more_than_the_others_while_they_ask_has_one_in_hand():
    async def day():
        day = Day()
        await day.ask("mallory", *"123456789")
        await day.ask("ada", "a")
        assert "a" in day.inside  # at once: nobody waits for another user's requests
        await day.leave("a", 0.1)
        for name in "1234":
            await day.leave(name, 0.5)
        await day.ask("ada", "b", "c")
        assert day.inside == ["b", "c"]

    asyncio.run(day())


def test_who_uses_a_little_more_than_the_others_is_not_held_back():
    async def day():
        day = Day()
        for name in ("ada", "bob", "eve"):
            await day.ask(name, name)
            await day.leave(name, 0.1)
        await day.ask("ada", "again")
        await day.leave("again", 0.1)
        await day.ask("ada", *"1234")
        assert day.inside == ["1", "2", "3", "4"]

    asyncio.run(day())


def test_who_uses_far_more_in_one_lane_is_held_back_in_the_other():
    clock = Clock()
    ledger = Ledger(clock)
    ledger.charge("ada", 0.01)
    assert not ledger.is_greedy("mallory")
    ledger.charge("mallory", 0.03)
    assert not ledger.is_greedy("mallory")
    ledger.charge("mallory", 0.03)
    assert ledger.is_greedy("mallory")
    clock.now += 30
    assert not ledger.is_greedy("mallory")


def test_the_cheapest_requests_add_up():
    clock = Clock()
    ledger = Ledger(clock)
    ledger.charge("ada", 0.01)
    rests = []
    for _ in range(100):
        clock.now += 0.001
        rests.append(ledger.charge("mallory", 0.001))
    assert sum(rests) > 0.2


def test_after_costly_work_a_greedy_user_rests_and_then_goes_on(monkeypatch):
    monkeypatch.setattr(fairness, "REST", 1e-4)  # of the event loop's own seconds, not the test's

    async def day():
        day = Day()
        await day.ask("ada", "a")
        await day.leave("a", 0.1)
        await day.ask("mallory", *"12345")
        for name in "1234":
            await day.leave(name, 0.5)
        assert day.inside == []  # nobody's turn: 5 waits although nothing is in progress
        day.clock.now += 1
        async with asyncio.timeout(10):
            while not day.inside:
                await asyncio.sleep(0.001)
        assert day.inside == ["5"]

    asyncio.run(day())


def test_a_request_that_comes_during_a_rest_is_not_forgotten(monkeypatch):
    monkeypatch.setattr(fairness, "REST", 1e-4)

    async def day():
        day = Day()
        await day.ask("ada", "a")
        await day.leave("a", 0.1)
        await day.ask("mallory", "1")
        await day.leave("1", 1)
        await day.ask("mallory", "2")
        assert day.inside == []
        day.clock.now += 1
        async with asyncio.timeout(10):
            while not day.inside:
                await asyncio.sleep(0.001)

    asyncio.run(day())


def test_a_user_who_asks_alone_never_rests():
    async def day():
        day = Day()
        for number in range(20):
            await day.ask("mallory", str(number))
            assert day.inside == [str(number)]
            await day.leave(str(number), 10)

    asyncio.run(day())


def test_many_cheap_requests_need_a_rest_together():
    async def day():
        day = Day()
        await day.ask("ada", "a")
        await day.leave("a", 0.004)
        for number in range(200):
            await day.ask("mallory", str(number))
            if day.inside == []:
                return number
            await day.leave(str(number), fairness.CHEAP_S / 2)
        return None

    assert 2 < asyncio.run(day()) < 20


def test_a_pace_lets_some_go_at_once_and_then_so_many_a_second():
    clock = Clock()
    pace = Pace(10, 3, clock=clock)
    clock.now = 100.0
    assert [round(pace.wait("a"), 3) for _ in range(6)] == [0, 0, 0, 0, 0.1, 0.2]
    assert pace.wait("b") == 0
    for _ in range(98):
        pace.wait("a")
    with pytest.raises(TooFastError):
        pace.wait("a")
    clock.now += 60
    assert pace.wait("a") == 0


def test_a_body_that_is_announced_as_too_large_is_not_read():
    with pytest.raises(HTTPException) as refused:
        asyncio.run(raw_body(Request(None, length=2**20 + 1)))
    assert refused.value.status_code == 413


def test_who_was_greedy_is_forgiven_when_nobody_else_asks(monkeypatch):
    monkeypatch.setattr(fairness, "REST", 1e-4)

    async def day():
        day = Day()
        await day.ask("ada", "a")
        await day.ask("mallory", *"12345678")
        await day.leave("a", 0.3)
        for name in "1234":
            await day.leave(name, 0.3)
        day.clock.now += 60
        async with asyncio.timeout(10):
            while len(day.inside) < 4:
                await asyncio.sleep(0.001)
        return len(day.inside)

    assert asyncio.run(day()) == 4


def test_a_user_may_not_have_requests_wait_without_end(monkeypatch):
    monkeypatch.setattr(fairness, "MOST_WAITING", 3)

    async def day():
        day = Day()
        await day.ask("mallory", *"1234567")
        with pytest.raises(TooManyError):
            async with day.lane.turn("mallory"):
                pass

    asyncio.run(day())


def test_a_client_that_goes_away_while_it_waits_takes_no_turn_with_it():
    async def day():
        day = Day()
        await day.ask("ada", *"1234")
        waiting = asyncio.create_task(day._one("ada", "5"))
        await day.settle()
        waiting.cancel()
        await day.settle()
        for name in "1234":
            await day.leave(name, 0.01)
        await day.ask("ada", *"abcd")
        assert day.inside == list("abcd")

    asyncio.run(day())


def test_nothing_is_remembered_of_those_who_are_gone():
    async def day():
        day = Day()
        for number in range(100):
            await day.ask(f"from {number}", str(number))
            await day.leave(str(number))
        day.clock.now += 60
        await day.ask("ada", "a")
        await day.leave("a")
        assert len(day.lane._lines) <= 1

    asyncio.run(day())


def test_a_thousand_new_jobs_of_one_user_hold_up_no_job_of_another():
    turns, done, hold, busy = Turns(1, "test"), [], threading.Event(), threading.Event()
    turns.submit("mallory", lambda: (busy.set(), hold.wait(10)))
    busy.wait(10)
    for number in range(1000):
        turns.submit("mallory", partial(done.append, number))
    ended = threading.Event()
    turns.submit("ada", lambda: (done.append("ada"), ended.set()))
    hold.set()
    assert ended.wait(10)
    assert done.index("ada") <= 1
    turns.stop()


class Request:
    """A body that comes in these pieces; None: nothing more comes, and the connection stays."""

    def __init__(self, *pieces, length=None):
        self._pieces = pieces
        self.headers = {} if length is None else {"content-length": str(length)}

    async def stream(self):
        for piece in self._pieces:
            if piece is None:
                await asyncio.sleep(3600)
            yield piece


def test_a_body_that_stops_half_way_is_given_up(monkeypatch):
    monkeypatch.setattr(requests, "_BODY_S", 0.02)
    with pytest.raises(HTTPException) as refused:
        asyncio.run(raw_body(Request(b'{"Executable": ', None)))
    assert refused.value.status_code == 408


def test_a_file_that_stops_half_way_is_given_up(monkeypatch):
    monkeypatch.setattr(requests, "_PIECE_S", 0.02)

    async def read():
        return [piece async for piece in requests.prompt_pieces(Request(b"some", None))]

    with pytest.raises(HTTPException) as refused:
        asyncio.run(read())
    assert refused.value.status_code == 408


def test_a_description_may_be_long_and_not_longer():
    assert asyncio.run(raw_body(Request(b"x" * 2**20))) == b"x" * 2**20
    with pytest.raises(HTTPException) as refused:
        asyncio.run(raw_body(Request(*[b"x" * 2**16] * 17)))
    assert refused.value.status_code == 413
    with pytest.raises(DescriptionError):
        read_object(b"{'a': '" + b"x" * 2**17 + b"'}")


def test_a_long_listing_is_the_same_document():
    document = {"content": {f"/a{number}\u00e9": {"size": number, "isDirectory": False, "x": None} for number in range(3)}}
    assert json.loads(LongJson(document).body) == document


@pytest.mark.parametrize("limit", ["MOST_JOBS", "MOST_KEPT"])
def test_one_user_may_not_fill_the_memory_with_jobs(tmp_path, monkeypatch, limit):
    from datetime import UTC, datetime

    from esd_localsite.records.records import JobRecord

    store = Shelf(tmp_path, JobRecord)
    mallory, ada = Identity("mallory", "mallory", "x"), Identity("ada", "ada", "x")
    record = JobRecord(id="a", created=datetime.now(UTC), owner="mallory", account=None, directory=tmp_path, submitted={"x": "y" * 500})
    store.save(record)
    creation.require_room(store, mallory.name)
    monkeypatch.setattr(creation, limit, 1)
    with pytest.raises(DescriptionError, match="delete some"):
        creation.require_room(store, mallory.name)
    creation.require_room(store, ada.name)
    creation.require_room(Shelf(tmp_path / "other", JobRecord), mallory.name)
    assert Shelf(tmp_path, JobRecord).size([record]) > 500  # also after a restart
    store.remove("a")
    creation.require_room(store, mallory.name)


def test_of_many_silent_connections_the_oldest_makes_room(monkeypatch):
    monkeypatch.setattr(patience, "MOST_SILENT", 2)
    monkeypatch.setattr(patience.PromptProtocol, "_silent", {})

    class Handle:
        def __init__(self):
            self.closed = False

        def close(self):
            self.closed = True

        def cancel(self):
            pass

        def call_later(self, _seconds, _what):
            return self

    def connection():
        one = patience.PromptProtocol.__new__(patience.PromptProtocol)
        one.transport, one.loop = Handle(), Handle()
        one._await_head()
        return one

    first, second = connection(), connection()
    second._stop()  # it said something
    third, fourth = connection(), connection()
    assert [one.transport.closed for one in (first, second, third, fourth)] == [True, False, False, False]
