import pytest

from esd_build.data.errors import UsageError
from esd_deploy.commands.shared import words
from esd_deploy.plans.launch import Shape

MINUTE, HOUR, DAY = 60, 3600, 86_400


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("600", 600),
        ("10:00", 10 * MINUTE),
        ("90:00", 90 * MINUTE),
        ("00:10:00", 10 * MINUTE),
        ("1:00:00", HOUR),
        ("36:00:00", 36 * HOUR),
        ("1-0", DAY),
        ("1-12", 36 * HOUR),
        ("1-12:30", 36 * HOUR + 30 * MINUTE),
        ("2-00:00:05", 2 * DAY + 5),
        ("90m", 90 * MINUTE),
        ("90min", 90 * MINUTE),
        ("2h", 2 * HOUR),
        ("2H", 2 * HOUR),
        ("1h30m", 90 * MINUTE),
        ("1d12h", 36 * HOUR),
        ("45s", 45),
    ],
)
def test_a_time_as_people_and_slurm_write_it(text, seconds):
    assert words.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "00:00", "ten", "1:61:00", "10:75", "1:2:3:4", "-5", "5-", "30m1h", "1.5h", "h", "1e3", "१०"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(UsageError, match=r"expected seconds \(600\), MM:SS"):
        words.seconds(text)


@pytest.mark.parametrize(
    ("given", "shape"),
    [
        ((2, None, 4, None), Shape(2, 1, 4)),
        ((2, 3, 1, None), Shape(2, 3, 1)),
        ((1, None, 1, 8), Shape(1, 8, 1)),
        ((2, None, 2, 8), Shape(2, 4, 2)),
        ((2, 4, 1, 8), Shape(2, 4, 1)),
    ],
)
def test_a_shape_as_srun_counts_it(given, shape):
    assert words.shape(*given) == shape


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((2, None, 1, 5), "-n 5: .*multiple of 2"),
        ((4, None, 1, 2), "-n 2: .*multiple of 4"),
        ((2, 3, 1, 4), "2 ranks on each, not .*3; leave one"),
    ],
)
def test_numbers_that_contradict_are_refused(given, message):
    with pytest.raises(UsageError, match=message):
        words.shape(*given)


def test_variables():
    assert words.variables(["A=1", "B=x=y z", "C="]) == (("A", "1"), ("B", "x=y z"), ("C", ""))
    with pytest.raises(UsageError, match="--env 'A': expected NAME=VALUE"):
        words.variables(["A"])


@pytest.mark.parametrize("name", ["pilot", "g4.5_seed-1", "A" * 64, None])
def test_a_name(name):
    assert words.job_name(name) == name


@pytest.mark.parametrize("name", ["", "a b", "-x", "A" * 65, "a;b", "a\n"])
def test_what_slurm_would_not_show_is_no_name(name):
    with pytest.raises(UsageError, match="letters, digits"):
        words.job_name(name)
