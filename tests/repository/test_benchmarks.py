"""Every series and model of benchmarks/ is valid, and no series asks for what two nodes of two cores cannot show."""

from pathlib import Path

import pytest

from esd_deploy.bench import series

FOLDER = Path(__file__).parents[2] / "benchmarks"
FILES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=[one.stem for one in FILES])
def test_a_series_is_valid_with_its_model(path):
    found, model = series.load(path)

    assert found.points
    assert model.activity, "without expected activity nothing is ever void"
    assert found.description != model.description


def test_there_are_the_fields_three_networks():
    assert {"balanced-strong", "balanced-weak", "hpc-benchmark", "microcircuit"} <= {one.stem for one in FILES}
