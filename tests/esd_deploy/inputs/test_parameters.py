"""What is typed as a sweep, and what each of its runs gets."""

import pytest

from esd_build.data.errors import UsageError
from esd_deploy.inputs import parameters


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("4", 4),
        ("-2", -2),
        ("4.50", 4.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("007", "007"),
        ("1e999", "1e999"),
        ("nan", "nan"),
        ("true", "true"),
    ],
)
def test_a_word_is_a_number_where_it_is_written_as_one(word, value):
    found = parameters.value(word)

    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("typed", "values"),
    [
        ("g=4,4.5,5", [4, 4.5, 5]),
        ("seed=1..4", [1, 2, 3, 4]),
        ("seed=3..1", [3, 2, 1]),
        ("w=0..1..0.25", [0, 0.25, 0.5, 0.75, 1]),
        ("x=0..0.3..0.1", [0, 0.1, 0.2, 0.3]),
        ("n=10..-10..-10", [10, 0, -10]),
        ("seed=1..2,7", [1, 2, 7]),
        ("model=iaf,aeif", ["iaf", "aeif"]),
        ("path=a=b", ["a=b"]),
    ],
)
def test_values_are_listed_or_counted(typed, values):
    found = parameters.combinations([typed])

    assert [one[0][1] for one in found] == values


def test_all_combinations_are_made_the_last_name_changing_first():
    assert parameters.combinations(["g=4,5", "seed=1..2"]) == (
        (("g", 4), ("seed", 1)),
        (("g", 4), ("seed", 2)),
        (("g", 5), ("seed", 1)),
        (("g", 5), ("seed", 2)),
    )


def test_rows_of_a_file_are_combined_with_what_is_typed(tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text('\ufeffg,label\r\n4,"low, slow"\r\n5,high\r\n\r\n')

    assert parameters.combinations(["seed=1..2"], parameters.read(file)) == (
        (("g", 4), ("label", "low, slow"), ("seed", 1)),
        (("g", 4), ("label", "low, slow"), ("seed", 2)),
        (("g", 5), ("label", "high"), ("seed", 1)),
        (("g", 5), ("label", "high"), ("seed", 2)),
    )


def test_nothing_asked_for_is_no_sweep():
    assert parameters.combinations([]) == ()


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["g"], "expected NAME=VALUES"),
        (["g="], "no value"),
        (["g=4,,5"], "no value"),
        (["g=4,5", "g=6"], "given twice"),
        (["g=4,4.0"], "a value is given twice"),
        (["g=1..2,2"], "a value is given twice"),
        (["learning-rate=1"], "letters, digits and _"),
        (["x=1\n2"], "one line of text"),
        (["x=$(id)"], "shell would read"),
        (['x="a"'], "shell would read"),
        (["x=a\\b"], "shell would read"),
        (["x=1..5..0"], "never ends"),
        (["x=1..5..-1"], "never ends"),
        (["x=1..99999999999"], "at most 10,000 runs"),
        (["x=1..200", "y=1..200"], "40,000 runs"),
        (["x=" + "a" * 1001], "at most 1000"),
    ],
)
def test_what_cannot_be_meant_is_refused(typed, message):
    with pytest.raises(UsageError, match=message):
        parameters.combinations(typed)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "first line must name"),
        ("g,g\n1,2\n", "first line must name"),
        ("g\n", "no row"),
        ("g,seed\n1\n", "row 1 has 1 values"),
        ("g\n4\n5\n4\n", "row 3 is the same as row 1"),
        ("g,seed\n4,\n", "no value"),
        ("a b\n4\n", "letters, digits and _"),
        ("g;seed\n4,5;1\n", r"rows.csv: the first line has semicolons between the names; separate by commas, .* decimals with a point"),
        ("g\tseed\n4\t1\n", "the first line has tabs between the names; separate by commas"),
        ('g\n"4\n', "not a CSV file"),
        (b"g\n\xff\n", "not a CSV file in UTF-8"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path, content, message):
    file = tmp_path / "rows.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(UsageError, match=message):
        parameters.read(file)


def test_a_file_that_is_not_there_or_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(parameters, "_LARGEST", 4)
    (tmp_path / "large.csv").write_text("g\n1\n2\n")

    for name, message in (("none.csv", "No such file"), ("large.csv", "more than")):
        with pytest.raises(UsageError, match=message):
            parameters.read(tmp_path / name)


def test_a_name_of_the_file_that_is_typed_too_is_refused():
    with pytest.raises(UsageError, match="--param g: the file"):
        parameters.combinations(["g=1"], ((("g", 4),),))


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ((), ("--g=-4.5", "--name=a b")),
        (("--fast",), ("--fast", "--g=-4.5", "--name=a b")),
        (("--label", "g{g}-{name}", "{other}"), ("--label", "g-4.5-a b", "{other}")),
    ],
)
def test_a_script_gets_its_values_behind_its_arguments_or_where_they_are_named(given, found):
    assert parameters.arguments(given, (("g", -4.5), ("name", "a b"))) == found


def test_a_value_with_braces_is_not_replaced_again():
    assert parameters.arguments(("{a}",), (("a", "{b}"), ("b", 1))) == ("{b}",)


def test_without_parameters_arguments_stay_as_they_are():
    assert parameters.arguments(("{g}",), ()) == ("{g}",)


def test_names_that_differ_by_case_are_two_variables():
    assert parameters.variables((("g", 4), ("G", 0.5))) == (("ESD_PARAM_g", "4"), ("ESD_PARAM_G", "0.5"))
