"""Whatever our queue answers, the neuromorphic job queue of EBRAINS answers too.

The recorded answers are those of its own source (commit 59c92ce, 2026-03-17) on PostgreSQL 15 and Keycloak 26.0.7. It is asked itself
where its source lies beside the checkout or is named by `--queue-source`; with `--write-queue-answers tests/data/contract/queue.json` its
answers become the recorded ones. Neither needs an image: a stand-in for Apptainer runs the jobs with this machine's Python.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from tests.contract.queue_probes import PROBES
from tests.contract.queue_web import QueueWeb
from tests.real.own_queue import own_queue
from tests.real.queue import RealQueue

OURS, THEIRS = "own", "real"
ANSWERS = Path(__file__).parents[1] / "data" / "contract" / "queue.json"
DIFFERENCES = Path(__file__).with_name("queue-differences.yaml")
MOST_DIFFERENCES = 12


@pytest.fixture(scope="module")
def our_queue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueueWeb]:
    with own_queue(tmp_path_factory.mktemp("queue")) as queue:
        token = queue.token()
        web = QueueWeb(queue.url, queue.tls, lambda: token)
        with web.anonymous:
            yield web


@pytest.fixture(scope="module")
def their_queue(real_queue: RealQueue, machine: object) -> Iterator[QueueWeb]:
    token = real_queue.keycloak.token()
    web = QueueWeb(real_queue.url, real_queue.tls, lambda: token)
    with web.anonymous:
        yield web


@pytest.fixture(scope="module", params=[OURS, THEIRS])
def queue(request: pytest.FixtureRequest) -> tuple[str, QueueWeb]:
    return request.param, request.getfixturevalue("our_queue" if request.param == OURS else "their_queue")


def recorded() -> dict[str, Any]:
    return json.loads(ANSWERS.read_text())


def differences() -> list[dict[str, Any]]:
    return list(YAML(typ="safe").load(DIFFERENCES))


@pytest.mark.integration
@pytest.mark.parametrize("name", PROBES)
def test_a_question_is_answered_as_by_the_real_queue(request: pytest.FixtureRequest, queue: tuple[str, QueueWeb], name: str) -> None:
    server, web = queue
    said = json.loads(json.dumps(PROBES[name](web)))
    target: Path | None = request.config.getoption("--write-queue-answers")
    if server == OURS or target is None:
        assert said == recorded()[name]
        return
    known = json.loads(target.read_text()) if target.is_file() else {}
    target.write_text(json.dumps({**known, name: said}, indent=1, sort_keys=True) + "\n")


def test_every_question_has_a_recorded_answer() -> None:
    assert recorded().keys() == PROBES.keys()


def test_the_table_of_differences_is_short_and_each_row_says_why() -> None:
    rows = differences()
    assert len(rows) <= MOST_DIFFERENCES
    assert all({"what", "ours", "theirs", "why"} == row.keys() for row in rows)
