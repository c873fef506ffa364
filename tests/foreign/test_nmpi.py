"""The `nmpi` client (hbp-neuromorphic-platform on PyPI), unmodified, against the local site's queue.

    .venv/bin/pip install --target FOLDER hbp-neuromorphic-platform
    .venv/bin/pytest tests/foreign/test_nmpi.py -m long --nmpi-client FOLDER

The platforms run the images of this checkout; one without its image is skipped.
"""

import importlib
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
import pyunicore.client as unicore
from pyunicore.credentials import UsernamePassword

from esd_localsite.state.layout import Layout
from esd_localsite.state.status import SiteStatus

pytestmark = [pytest.mark.long, pytest.mark.site]

NETWORK = """\
import importlib, sys
simulator = importlib.import_module(f"pyNN.{sys.argv[1]}")
simulator.setup(timestep=1.0)
cells = simulator.Population(20, simulator.IF_curr_exp(i_offset=1.0))
cells.record("spikes")
simulator.run(100.0)
spikes = sum(len(train) for train in cells.get_data().segments[0].spiketrains)
open("result.txt", "w").write(str(spikes))
simulator.end()
"""


@pytest.fixture
def nmpi(request: pytest.FixtureRequest, running_site: SiteStatus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    folder: Path | None = request.config.getoption("--nmpi-client")
    if folder is None:
        pytest.skip("give --nmpi-client FOLDER")
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, str(running_site.ca_file))
    monkeypatch.setenv("HOME", str(tmp_path))  # it keeps tokens there
    monkeypatch.setattr(sys, "path", [str(folder.absolute()), *sys.path])
    return importlib.import_module("nmpi")


@pytest.fixture
def client(nmpi: ModuleType, running_site: SiteStatus) -> Any:
    password = running_site.password_file.read_text().strip()
    places = {"job_service": running_site.nmpi_url, "authorization_endpoint": running_site.nmpi_url}
    return nmpi.Client(running_site.username, password, user_info_endpoint=f"{running_site.oidc_url}/userinfo", **places)


@pytest.mark.parametrize(("platform", "spikes", "said"), [("Demo", True, "N E S T"), ("SpiNNaker", False, "virtual SpiNNaker board")])
def test_submit_wait_download(client: Any, running_site: SiteStatus, tmp_path: Path, platform: str, spikes: bool, said: str) -> None:
    if not (Layout(running_site.name).platforms / f"{platform}.sif").exists():
        pytest.skip(f"platform {platform} has no image here")
    client.sleep_interval = 0.5
    job = client.submit_job(NETWORK, platform, "demo", wait=True)
    assert job["status"] == "finished", job["log"]
    assert said in job["log"]
    (downloaded,) = client.download_data(job, str(tmp_path / "results"))
    assert (int(Path(downloaded).read_text()) > 0) is spikes
    assert job["resource_uri"] in client.completed_jobs("demo")


@pytest.mark.parametrize("kind", ["zip", "gztar"])
def test_an_archive_by_its_address(client: Any, running_site: SiteStatus, tmp_path: Path, kind: str) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "run.py").write_text("import part, sys\nopen('result.txt', 'w').write(part.NAME + sys.argv[1])\n")
    (tmp_path / "code" / "part.py").write_text("NAME = 'packed for '\n")
    packed = Path(shutil.make_archive(str(tmp_path / "code"), kind, tmp_path / "code"))
    login = UsernamePassword(running_site.username, running_site.password_file.read_text().strip())
    storage = unicore.Client(login, running_site.unicore_url).get_storages()[0]
    storage.upload(str(packed), packed.name)

    job = client.submit_job(f"{storage.resource_url}/files/{packed.name}", "Demo", "demo", wait=True)

    assert job["status"] == "finished", job["log"]
    (downloaded,) = client.download_data(job, str(tmp_path / "results"))
    assert Path(downloaded).read_text() == "packed for nest"


@pytest.mark.parametrize(("options", "status"), [({"collab_id": "no-quota"}, 403), ({"collab_id": "unknown"}, 404), ({"tags": ["x"]}, 422)])
def test_refusals_reach_the_user(client: Any, options: dict[str, str], status: int) -> None:
    with pytest.raises(Exception, match=f"Error {status}: "):
        client.submit_job("pass", **{"platform": "Demo", "collab_id": "demo", **options})


def test_a_token_does_too(nmpi: ModuleType, running_site: SiteStatus) -> None:
    form = {"grant_type": "password", "username": running_site.username, "password": running_site.password_file.read_text().strip()}
    token = httpx.post(f"{running_site.oidc_url}/token", data=form).json()["access_token"]
    client = nmpi.Client(token=token, job_service=running_site.nmpi_url, user_info_endpoint=f"{running_site.oidc_url}/userinfo")
    assert client.queued_jobs() == []
