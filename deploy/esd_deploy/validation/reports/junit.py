"""The verdicts as JUnit XML, which every CI server shows: `unknown` becomes an error, `skipped` stays skipped."""

import xml.etree.ElementTree as ET

from esd_deploy.validation.reports.document import CheckResult, Report


def junit(report: Report) -> str:
    """One test suite with a test case for each check."""
    count = [check.verdict.outcome for check in report.checks]
    suite = ET.Element(
        "testsuite",
        name=f"esd-deploy validate {report.image} at {report.site}",
        tests=str(len(count)),
        failures=str(count.count("failed")),
        errors=str(count.count("unknown")),
        skipped=str(count.count("skipped")),
        time=f"{report.seconds:.1f}",
        timestamp=report.time.strftime("%Y-%m-%dT%H:%M:%S"),
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in (("site", report.site), ("image", report.image), ("digest", report.digest), ("job", report.job)):
        ET.SubElement(properties, "property", name=name, value=value)
    for check in report.checks:
        _case(suite, check, report.site)
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ET.Element, check: CheckResult, site: str) -> None:
    case = ET.SubElement(suite, "testcase", classname=f"validate.{site}", name=check.name, time=f"{check.seconds:.1f}")
    verdict = check.verdict
    tag = {"failed": "failure", "unknown": "error", "skipped": "skipped"}.get(verdict.outcome)
    if tag is None:
        ET.SubElement(case, "system-out").text = _clean(verdict.reason)
        return
    found = ET.SubElement(case, tag, type=verdict.outcome, message=_clean(verdict.reason))
    found.text = _clean(f"{verdict.reason}\n{verdict.advice}".strip())


def _clean(text: str) -> str:
    """The text without control characters, which XML forbids and crashing programs print."""
    return "".join(letter for letter in text if letter in "\n\t" or letter.isprintable())
