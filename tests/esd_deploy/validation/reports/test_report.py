"""The report as table, JSON, JUnit XML and page: all say the same, and what programs printed stays text."""

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from junitparser import JUnitXml
from rich.console import Console

from esd_build.data.errors import ToolError
from esd_deploy.validation.proofs import proofs
from esd_deploy.validation.reports import document, page
from esd_deploy.validation.reports.document import CheckResult, Report
from esd_deploy.validation.reports.junit import junit
from esd_deploy.validation.reports.table import table
from esd_deploy.validation.terms.verdict import Measurement, failed, passed, skipped, unknown

EVIL = "<script>alert('x')</script> & [red]not markup[/red] \x1b[31m"
TIME = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def result(name, verdict):
    return CheckResult(name=name, title=f"title of {name}", tags=("mpi",), seconds=1.5, verdict=verdict)


def made(number=0, site="here", outcome=None, **values):
    checks = (
        result("wireup-node", passed("2 ranks")),
        result("leaks", failed(EVIL, "`environment`: remove PYTHONPATH")),
        result("nestml", skipped("no compiler")),
        result("latency-node", unknown("no reference", Measurement(name="latency within a node", value=1.0 + number, unit="µs"))),
    )
    chosen = tuple(check for check in checks if outcome in {None, check.verdict.outcome})
    known = {
        "id": f"2026-{number}",
        "time": TIME + timedelta(days=number),
        "site": site,
        "image": "registry.example.org/esd/nest:edge",
        "digest": "sha256:" + "d" * 64,
        "sif_digest": "sha256:" + "e" * 64,
        "nodes": 2,
        "seconds": 20.0,
        "suite": "full",
        "job": "https://unicore.example.org/rest/core/jobs/1",
        "checks": chosen,
    }
    return Report(**{**known, **values})


@pytest.mark.parametrize(
    ("outcomes", "whole"), [(("passed",), "passed"), (("unknown",), "unknown"), (("failed",), "failed"), (("skipped",), "skipped")]
)
def test_the_whole_is_as_good_as_its_worst(outcomes, whole):
    assert made(outcome=outcomes[0]).outcome == whole


def test_failed_goes_before_unknown_and_nothing_is_lost():
    assert made().outcome == "failed"
    assert made().counts == "1 passed, 1 skipped, 1 unknown, 1 failed"


def test_a_report_survives_being_written_and_read(tmp_path):
    path = made().save(tmp_path / "2026-0")

    assert document.parse(path.read_bytes(), str(path)) == made()
    assert document.collect(tmp_path) == (made(),)


def test_what_is_no_report_is_refused_with_its_place():
    with pytest.raises(ToolError, match=r"some/file is not a validation report"):
        document.parse(b'{"id": 1}', "some/file")


def test_reports_of_several_sources_are_told_once_and_in_order():
    assert proofs([made(2), made(0)], [made(0), made(1)]) == (made(0), made(1), made(2))


def test_junit_tells_every_outcome_and_stays_xml():
    suite = ET.fromstring(junit(made())).find("testsuite")

    assert [suite.get(key) for key in ("tests", "failures", "errors", "skipped")] == ["4", "1", "1", "1"]
    assert [child.tag for case in suite.iter("testcase") for child in case] == ["system-out", "failure", "skipped", "error"]
    assert "<script>" in suite.find("testcase/failure").get("message")
    assert "`environment`" in suite.find("testcase/failure").text


def test_another_programs_reader_of_junit_finds_the_same():
    suite = next(iter(JUnitXml.fromstring(junit(made()).encode())))
    cases = {case.name: case for case in suite}

    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (4, 1, 1, 1)
    assert {name: (case.is_passed, case.is_failure, case.is_error, case.is_skipped) for name, case in cases.items()} == {
        "wireup-node": (True, False, False, False),
        "leaks": (False, True, False, False),
        "nestml": (False, False, False, True),
        "latency-node": (False, False, True, False),
    }
    assert [(found.type, "remove PYTHONPATH" in found.text) for found in cases["leaks"].result] == [("failed", True)]
    # What GitLab tells test cases apart by.
    assert len({(case.classname, case.name) for case in cases.values()}) == len(cases)
    assert {prop.name for prop in suite.properties()} == {"site", "image", "digest", "job"}


def test_the_table_shows_reason_and_advice_as_they_are():
    console = Console(width=120, file=None, record=True, force_terminal=False)
    with console.capture() as captured:
        console.print(table(made(suggestion="sharens: true")))

    assert "[red]not markup[/red]" in captured.get()
    assert "→ `environment`: remove PYTHONPATH" in captured.get()
    assert "suggestion: sharens: true" in captured.get()


class Links(HTMLParser):
    """What a page would load, and where its links go."""

    def __init__(self):
        super().__init__()
        self.loads, self.targets, self.ids, self.scripts = [], [], [], 0

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.scripts += tag == "script"
        self.loads += [found[key] for key in ("src", "srcset", "data") if key in found] + ([found["href"]] if tag == "link" else [])
        self.targets += [found["href"]] if tag == "a" else []
        self.ids += [found["id"]] if "id" in found else []


def test_the_page_loads_nothing_and_runs_nothing_that_a_program_printed():
    text = page.page([made(0), made(1), made(0, site="there", outcome="passed", id="x")])
    found = Links()
    found.feed(text)

    assert (found.loads, found.scripts) == ([], 0)
    assert "@import" not in text
    assert "url(" not in text
    assert [target.removeprefix("#") for target in found.targets] == found.ids
    assert len(found.ids) == 2


def test_the_page_has_a_field_for_each_image_and_site_and_a_plot_for_each_quantity():
    other = made(3, site="there", image="registry.example.org/esd/nest:25.04")
    text = page.page([made(0), made(1), other])

    assert text.count("never validated") == 2
    assert text.count("<polyline") == 1
    assert text.count("<circle") == 2  # one value alone makes no curve


def test_what_to_do_is_seen_without_opening_anything():
    seen = re.sub(r"<details>.*?</details>", "", page.page([made(0)]), flags=re.DOTALL)

    assert "<code>environment</code>: remove PYTHONPATH" in seen
    assert "no reference" in seen
    assert "2 ranks" not in seen


def test_an_image_from_the_registries_of_two_sites_is_one_row():
    text = page.page([made(0), made(0, site="there", image="other.example.org/esd/nest:edge")])

    assert "never validated" not in text
    assert "not the same image" not in text


def test_a_look_at_a_few_checks_does_not_hide_what_the_whole_suite_found():
    place = page.places([made(0), made(1, outcome="passed", suite="only image")])[0]

    assert (place.last.outcome, place.since.outcome) == ("failed", "passed")
    assert "since then only image: 1 passed" in page.page(place.reports)


def test_another_image_behind_the_tag_is_judged_by_what_was_seen_of_it():
    newer = made(1, outcome="passed", suite="only image", digest="sha256:" + "a" * 64)
    place = page.places([made(0), newer])[0]

    assert (place.last, place.since) == (newer, None)


def test_a_tag_that_names_different_images_is_marked():
    other = made(0, site="there", digest="sha256:" + "a" * 64)

    assert "not the same image at all sites" in page.page([made(0), other])


def test_plots_have_their_newest_value_last():
    plot = page.plots([made(0), made(1), made(2)])[0]

    assert (plot.last, plot.least, plot.most, len(plot.points)) == (3.0, 1.0, 3.0, 3)
    assert plot.points[0].y > plot.points[2].y  # a greater value is higher up, and SVG counts downwards


def test_one_cause_is_one_card_with_all_checks_that_met_it():
    advice = "`environment`: remove PYTHONPATH"
    checks = (
        result("leaks", failed("PYTHONPATH is set", advice)),
        result("nest", failed("another NEST is imported", advice)),
        result("wireup", failed("no PMIx", "`mpi`: pmix")),
        result("spikes", skipped("rests on 'nest', which is failed")),
    )
    found = page.causes(made(checks=checks), "failed")
    text = page.page([made(checks=checks)])

    assert [[check.name for check in cause.checks] for cause in found] == [["leaks", "nest"], ["wireup"]]
    assert [[check.name for check in cause.resting] for cause in found] == [["spikes"], []]
    assert text.count('class="finding is-failed"') == 2
    assert text.count("remove PYTHONPATH") == 1
    assert "Skipped for it: spikes" in text


def test_the_site_that_was_validated_last_is_first():
    text = page.page([made(1, site="a"), made(3, site="m"), made(2, site="z")])

    assert re.findall(r'<section id="(\w)-', text) == ["m", "z", "a"]


def test_the_page_says_what_was_executed_and_by_which_version():
    check = result("wireup-node", passed("2 ranks")).model_copy(update={"steps": ("wireup-node",)})
    line = "srun --mpi=pmix apptainer exec --sharens esd/image.sif python3 esd/wireup.py"

    html = page.page([made(checks=(check,), esd_images="1.2.3", executed={"wireup-node": line, "node": "bash <esd/node.sh"})])

    assert "2 steps of one job, made and judged by esd-images 1.2.3" in html
    assert f'<code>{line}</code></td><td class="small">wireup-node</td>' in html
    assert "bash &lt;esd/node.sh" in html


def test_a_report_of_an_older_version_says_nothing_of_it():
    assert "What was executed" not in page.page([made()])
