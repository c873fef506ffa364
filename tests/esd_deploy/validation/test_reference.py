import json

import pytest

from esd_build.data.errors import ConfigError
from esd_deploy.validation import reference
from esd_deploy.validation.reference import Reference, References, compared
from esd_deploy.validation.terms.verdict import Measurement, failed, passed

FAST = References(
    values={
        "latency": Reference(value=10, unit="µs", tolerance=0.5),
        "bandwidth": Reference(value=1000, unit="MB/s", tolerance=0.5),
    }
)


@pytest.mark.parametrize(
    ("latency", "bandwidth", "outcome"),
    [(10, 1000, "passed"), (1, 9000, "passed"), (14.9, 670, "passed"), (15.1, 1000, "failed"), (10, 660, "failed")],
)
def test_a_value_is_judged_in_its_own_direction(latency, bandwidth, outcome):
    measured = (Measurement(name="latency", value=latency, unit="µs"), Measurement(name="bandwidth", value=bandwidth, unit="MB/s"))

    found = compared(passed("measured", *measured), FAST)

    assert found.outcome == outcome
    assert found.measured == measured
    assert bool(found.advice) == (outcome == "failed")


def test_a_value_without_a_reference_is_unknown():
    found = compared(passed("1 s", Measurement(name="start", value=1, unit="s")), FAST)

    assert found.outcome == "unknown"
    assert "--make-reference" in found.advice


def test_ratios_need_no_reference_and_failures_stay():
    ratio = passed("1.02", Measurement(name="ratio", value=1.02, unit="x"))
    broken = failed("x", "y", Measurement(name="latency", value=1, unit="µs"))

    assert compared(ratio, References()) == ratio
    assert compared(broken, FAST) == broken


def own(good, tmp_path):
    return good.site.model_copy(update={"file": tmp_path / "here.yaml", "name": "here"})


def test_references_are_kept_beside_the_sites_file_and_merged(good, tmp_path):
    site = own(good, tmp_path)
    reference.save(site, References.of("nest:edge", (Measurement(name="a", value=1, unit="s"), Measurement(name="r", value=1, unit="x"))))
    reference.save(site, References.of("nest:edge", (Measurement(name="b", value=2, unit="s"),)))

    assert reference.path_of(site) == tmp_path / "references" / "here.json"
    assert {name: one.value for name, one in reference.load(site).values.items()} == {"a": 1, "b": 2}


def test_a_site_without_references_has_none(good, tmp_path):
    assert reference.load(own(good, tmp_path)) == References()


def test_damaged_references_name_their_file(good, tmp_path):
    site = own(good, tmp_path)
    reference.path_of(site).parent.mkdir()
    reference.path_of(site).write_text(json.dumps({"values": {"a": {"value": -1, "unit": "s"}}}))

    with pytest.raises(ConfigError, match=r"here\.json is not valid"):
        reference.load(site)
