"""What both sides of the co-simulation agree on before they start, and how one refuses the other; the rest needs MPI and runs in images."""

import json
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "cosim"
MODULES = ("terms", "settings")


@pytest.fixture
def cosim(monkeypatch):
    """The modules that need neither MPI nor a simulator, as the programs import them."""
    monkeypatch.syspath_prepend(str(FOLDER))
    for name in MODULES:
        sys.modules.pop(name, None)
    yield SimpleNamespace(**{name: import_module(name) for name in MODULES})
    for name in MODULES:
        sys.modules.pop(name, None)


def offers(cosim, **changed):
    network = {"side": "network", "step_ms": 0.1, "interval_ms": 1.0, "duration_ms": 100.0, "neurons": 10}
    return cosim.terms.Terms(**network), cosim.terms.Terms(**{**network, "side": "cells", "step_ms": 0.025, **changed})


def test_both_sides_agree_on_the_network_s_terms(cosim):
    found = cosim.terms.agree(offers(cosim))
    assert (found.side, found.delay_ms, found.intervals) == ("network", 2.0, 100)


@pytest.mark.parametrize("interval", [1.0, 0.5, 0.1])
def test_the_intervals_of_the_measurements_are_possible(cosim, interval):
    network, cells = (cosim.terms.Terms(side, step, interval, 1000.0, 10) for side, step in (("network", 0.1), ("cells", 0.025)))
    assert cosim.terms.agree([network, cells]).intervals == round(1000 / interval)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"interval_ms": 0.5}, "network has interval_ms = 1, cells has 0.5"),
        ({"duration_ms": 200.0}, "network has duration_ms = 100, cells has 200"),
        ({"neurons": 11}, "network has neurons = 10, cells has 11"),
        ({"step_ms": 0.03}, r"cells: step_ms = 0.03 must fit a whole number of times into 1 ms; it fits 33.3"),
        ({"step_ms": 2.0}, r"cells: step_ms = 2 must fit a whole number of times into 1 ms; it fits 0.5 times"),
        ({"step_ms": 0.0}, "cells: step_ms = 0 must be greater than 0"),
        ({"step_ms": float("nan")}, "cells: step_ms = nan must be greater than 0"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(cosim, changed, reason):
    with pytest.raises(cosim.terms.TermsError, match=reason):
        cosim.terms.agree(offers(cosim, **changed))


def test_a_side_alone_is_refused(cosim):
    with pytest.raises(cosim.terms.TermsError, match="this world has network only"):
        cosim.terms.agree(offers(cosim)[:1])


@pytest.mark.parametrize(
    ("section", "reason"),
    [({"cell": 3}, "cells has no setting 'cell'; it has step_ms"), ({"cells": "3"}, "cells = '3' must be of type int")],
)
def test_a_wrong_setting_is_refused(cosim, tmp_path, section, reason):
    path = tmp_path / "cosim.json"
    path.write_text(json.dumps({"cells": section}))
    with pytest.raises(cosim.terms.TermsError, match=reason):
        cosim.settings.cells_settings(path)


def test_settings_have_defaults_that_fit_together(cosim, tmp_path):
    settings = cosim.settings
    found = [
        settings.terms_of("network", settings.network_settings(tmp_path / "no")),
        settings.terms_of("cells", settings.cells_settings(tmp_path / "no")),
    ]
    assert cosim.terms.agree(found).intervals == 1000
