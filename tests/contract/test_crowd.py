"""Many clients of one user at once, each a process of its own: the server forgets their sessions one by one, and all succeed."""

import multiprocessing
import time

import pytest
from tests.contract.web import Place, Web

from esd_deploy.backends.unicore.connection import UnicoreConnection
from esd_deploy.plans.job import JobDescription
from esd_deploy.runs import submission
from esd_deploy.runs.patience import patiently
from esd_deploy.sites.endpoint import Credentials, Endpoint

pytestmark = pytest.mark.site
FILES, SIZE = 4, 100_000
PATIENCE_S = 300


def live(place: Place, number: int) -> int:
    """A job from its submission to its removal, with files that go there and come back; how many came whole."""
    endpoint = Endpoint(place.url, "", place.ca_file, Credentials(place.password, place.username), "")
    retry, tag = patiently(), f"crowd-{number}"
    connection = retry(UnicoreConnection.open, endpoint)
    job = submission.create(connection, JobDescription(Tags=[tag], haveClientStageIn="true"), tag, retry)
    submission.stage(connection, job, {f"f{name}": bytes([name]) * SIZE for name in range(FILES)}, retry)
    deadline = time.monotonic() + PATIENCE_S
    while not retry(connection.state, job).ended:
        assert time.monotonic() < deadline
        time.sleep(0.5)

    def read(path: str) -> bytes:
        with connection.read(job, path) as pieces:
            return b"".join(pieces)

    whole = sum(len(retry(read, file.path)) == SIZE for file in retry(connection.files, job))
    retry(connection.delete, job)
    return whole


@pytest.mark.parametrize("clients", [8, 20, pytest.param(50, marks=pytest.mark.long)])
def test_all_clients_of_one_user_succeed(web: Web, clients: int) -> None:
    with multiprocessing.get_context("fork").Pool(clients) as pool:
        came = pool.starmap(live, [(web.place, number) for number in range(clients)], chunksize=1)
    assert came == [FILES] * clients
