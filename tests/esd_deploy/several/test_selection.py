"""Which runs a word means."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.esd_deploy.conftest import prepared

from esd_build.data.errors import UsageError
from esd_deploy.several import selection

IDS = ("20261130-120000-aaa111", "20261130-120001-bbb222", "20261130-120001-abc333")


@pytest.fixture
def runs(planned, tmp_path):
    """Three runs; the last two were made in the same second, the one with the smaller id later."""
    begin = datetime(2026, 11, 30, 12, tzinfo=UTC)
    for number, run_id in enumerate(IDS):
        plan = planned.with_parameters((("n", number),), run_id)
        one = prepared(plan, tmp_path / run_id).model_copy(update={"tags": ("odd",) if number % 2 else ("even", "all")})
        moment = one.states[0].model_copy(update={"time": begin + timedelta(milliseconds=number)})
        one.model_copy(update={"states": (moment,)}).save(tmp_path / run_id)
    return tmp_path


@pytest.mark.parametrize(
    ("word", "number"),
    [(IDS[0], 0), ("20261130-120000", 0), ("aaa", 0), ("bbb222", 1), ("abc", 2), ("last", 2)],
)
def test_a_run_is_named_by_its_id_a_beginning_or_last(runs, word, number):
    assert selection.one(runs, word) == IDS[number]


@pytest.mark.parametrize("word", ["none", "aa", "https://unicore.example.org/jobs/1", "../runs"])
def test_a_word_that_fits_no_run_is_left_to_whoever_reads_the_record(runs, word):
    assert selection.one(runs, word) == word


def test_a_word_that_fits_several_is_refused_with_them(runs):
    with pytest.raises(UsageError, match=r"fits 2 runs: 20261130-120001-abc333, 20261130-120001-bbb222; type more"):
        selection.one(runs, "20261130-120001")


def test_several_are_named_by_words_and_by_tag_each_once(runs):
    assert selection.several(runs, ("bbb", IDS[1]), None) == [IDS[1]]
    assert selection.several(runs, (), "even") == [IDS[0], IDS[2]]
    assert selection.several(runs, ("bbb", "aaa"), "all") == [IDS[1], IDS[0], IDS[2]]


@pytest.mark.parametrize(("words", "tag", "message"), [((), None, "name a run"), ((), "none", "has the tag 'none'")])
def test_nothing_named_is_refused(runs, words, tag, message):
    with pytest.raises(UsageError, match=message):
        selection.several(runs, words, tag)


def test_last_of_no_run_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no run in"):
        selection.one(tmp_path, "last")
