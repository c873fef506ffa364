"""Runs in a notebook: as a sequence, as a table, as a data frame."""

import sys
from types import SimpleNamespace

import pytest
from tests.esd_deploy.several.test_sweep import DONE, place  # noqa: F401 - a fixture

from esd_build.data.errors import UsageError
from esd_deploy import sweep


@pytest.fixture
def found(place, script, tmp_path, connection):  # noqa: F811
    connection.states = [DONE]
    connection.results = {"metrics.json": b'{"rate_hz": 21.5}', "stdout": "größe\n".encode()}
    return sweep(place, script, {"g": [4, 4.5], "seed": range(1, 3)}, image="nest", runs=tmp_path / "runs").wait()


def test_a_sweep_is_submitted_and_awaited(found, place, tmp_path):  # noqa: F811
    assert [one.parameters for one in found.records] == [{"g": g, "seed": seed} for g in (4, 4.5) for seed in (1, 2)]
    assert {one.metrics["rate_hz"] for one in found.records} == {21.5}
    assert place.runs("sweep-net", folder=tmp_path / "runs").ids == found.ids
    assert len(place.runs("other", folder=tmp_path / "runs")) == 0


def test_again_is_the_same_runs(found, place, script, tmp_path):  # noqa: F811
    again = sweep(place, script, {"g": [4, 4.5], "seed": range(1, 3)}, image="nest", runs=tmp_path / "runs")

    assert again.ids == found.ids


def test_one_run_tells_what_it_printed_and_is_shown_short(found):
    one = found[0]

    assert (one.stdout, len(list(found))) == ("größe\n", 4)
    assert repr(one) == f"<Run {one.id} at valid: SUCCESSFUL, exit code 0>"
    assert repr(found).endswith("4 ended>")


def test_the_table_has_parameters_and_metrics_and_escapes(found):
    html = found._repr_html_()

    assert [word in html for word in ("<table>", "4 runs", "rate_hz", "21.5", "4.5")] == [True] * 5


def test_a_data_frame_has_the_columns_of_the_csv_file(found, monkeypatch):
    made = []
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=lambda rows, columns: made.append((rows, columns))))

    found.to_pandas()

    [(rows, columns)] = made
    assert (len(rows), columns[-3:]) == (4, ["param.g", "param.seed", "metric.rate_hz"])


def test_without_pandas_it_says_what_to_install(found, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)

    with pytest.raises(UsageError, match="pip install pandas"):
        found.to_pandas()


def test_a_sweep_without_parameters_is_refused(place, script, tmp_path):  # noqa: F811
    with pytest.raises(UsageError, match="needs parameters"):
        sweep(place, script, {}, image="nest", runs=tmp_path)


def test_a_site_is_shown_short(place):  # noqa: F811
    assert repr(place) == "<Site valid: a site with everything said>"


def test_a_run_is_drawn_from_what_it_fetched(found, connection, place, tmp_path):  # noqa: F811
    head = "# NEST version: 3.10.0\nsender\ttime_ms\n"
    connection.results = {"recorder-7-0.dat": f"{head}1\t2.0\n".encode(), "stdout": b""}
    one = found[0]
    one.fetch()

    figure = one.plot()

    assert figure.axes[0].get_title() == f"net.py at valid, run {one.id}"
    assert len(figure.axes[0].lines[0].get_xdata()) == 1


def test_a_run_is_a_table_in_a_notebook_and_escapes(found):
    one = found[0]

    html = one._repr_html_()

    assert [word in html for word in ("<table>", one.id, "SUCCESSFUL", "21.5")] == [True] * 4
