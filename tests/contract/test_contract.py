"""Whatever our endpoint answers, UNICORE/X answers too: each question's answer is compared with the one that the real server gave.

The recorded answers are those of UNICORE/X 2.9.0 (UNICORE 10.2) with TSI 10.1.3 on Slurm. To ask a real server again:
`pytest tests/contract --unicore-status FILE`; with `--write-answers tests/data/contract/answers.json` its answers become the recorded ones.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from tests.contract.conftest import OURS
from tests.contract.jobs import JOBS, Probes
from tests.contract.probes import PROBES
from tests.contract.web import Web

ANSWERS = Path(__file__).parents[1] / "data" / "contract" / "answers.json"
DIFFERENCES = Path(__file__).with_name("differences.yaml")
MOST_DIFFERENCES = 12


def recorded() -> dict[str, Any]:
    return json.loads(ANSWERS.read_text())


def differences() -> list[dict[str, Any]]:
    return list(YAML(typ="safe").load(DIFFERENCES))


def expected(server: str, name: str) -> Any:
    """As recorded; of ours, with what the table allows."""
    answer = recorded()[name]
    allowed = [row["answer"] for row in differences() if row.get("probe") == name and server == OURS]
    return {**answer, **allowed[0]} if allowed else answer


def compare(request: pytest.FixtureRequest, server: str, name: str, answer: Any) -> None:
    """With the recorded answer, which a real server may be asked to give anew."""
    answer = json.loads(json.dumps(answer))
    target: Path | None = request.config.getoption("--write-answers")
    if server == OURS or target is None:
        assert answer == expected(server, name)
        return
    known = json.loads(target.read_text()) if target.is_file() else {}
    target.write_text(json.dumps({**known, name: answer}, indent=1, sort_keys=True) + "\n")


@pytest.mark.site
@pytest.mark.parametrize("name", PROBES)
def test_a_question_is_answered_as_by_the_real_server(request: pytest.FixtureRequest, server: str, web: Web, name: str) -> None:
    compare(request, server, name, PROBES[name](web))


@pytest.mark.site
@pytest.mark.parametrize("name", JOBS)
def test_a_job_ends_as_at_the_real_server(request: pytest.FixtureRequest, server: str, job_probes: Probes, name: str) -> None:
    compare(request, server, f"job: {name}", job_probes.ended(name))


def test_every_question_has_a_recorded_answer() -> None:
    assert recorded().keys() == {*PROBES, *(f"job: {name}" for name in JOBS)}


def test_the_table_of_differences_is_short_and_each_row_says_why() -> None:
    rows = differences()
    assert len(rows) <= MOST_DIFFERENCES
    assert all({"what", "ours", "theirs", "why"} <= row.keys() for row in rows)
    assert {row["probe"] for row in rows if "probe" in row} <= recorded().keys()
