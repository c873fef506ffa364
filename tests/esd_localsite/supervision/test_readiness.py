import pytest

from esd_localsite.supervision.readiness import has_target

CORE = {"server": {"externalConnections": {"TSI 1": "OK", "Gateway": "OK"}}, "client": {"role": {"selected": "user"}}}
EARLY = {**CORE, "server": {"externalConnections": {"Gateway": "OK"}}}
STRANGER = {**CORE, "client": {"role": {"selected": "anonymous"}}}
ONE, NONE = {"factories": ["https://…"]}, {"factories": []}


@pytest.mark.parametrize(
    ("core", "factories", "with_tsi", "ready"),
    [
        (CORE, ONE, True, True),
        (EARLY, ONE, True, False),
        (EARLY, ONE, False, True),
        (CORE, NONE, True, False),
        (STRANGER, ONE, True, False),
        ({}, ONE, True, False),
        ([], [], False, False),
    ],
)
def test_a_server_takes_jobs_once_it_has_a_target_system(core: object, factories: object, with_tsi: bool, ready: bool) -> None:
    assert has_target(core, factories, with_tsi=with_tsi) is ready
