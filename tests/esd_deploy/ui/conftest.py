"""A page over a folder of runs at a site in memory, and a browser that asks it without a network."""

import asyncio
from dataclasses import dataclass, field

import httpx
import pytest
from tests.esd_deploy.conftest import FakeBackend
from tests.esd_deploy.runs.test_taking_up import ENDPOINT

from esd_deploy import Site
from esd_deploy.commands.follow.ui import Submission, repeated
from esd_deploy.ui.app import app
from esd_deploy.ui.desk import Desk
from esd_deploy.ui.follower import Follower
from esd_deploy.ui.gate import Keys
from esd_deploy.ui.shelf import Shelf

HOST = "127.0.0.1:8000"


@dataclass
class Browser:
    """Follows no redirect by itself; `host` and `origin` as a browser would send them."""

    app: object
    keys: Keys
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(self, method, path, *, host=HOST, origin=f"http://{HOST}", prefix=None, **more):
        headers = {"host": host, **({"origin": origin} if origin else {}), **more.pop("headers", {})}

        async def asked():
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}", cookies=self.cookies) as client:
                return await client.request(method, (self.keys.prefix if prefix is None else prefix) + path, headers=headers, **more)

        return asyncio.run(asked())

    def get(self, path, **more):
        return self.ask("GET", path, **more)

    def post(self, path, data=None, **more):
        return self.ask("POST", path, data=data or {}, **more)

    def enter(self):
        answer = self.get(f"/start?token={self.keys.token}")
        self.cookies = dict(answer.cookies)
        return self


@pytest.fixture
def place(config, image, connection):
    return Site(config, ENDPOINT, backend=FakeBackend(connection), look_up=lambda _w, _e: image)


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "runs"
    folder.mkdir()
    return folder


@pytest.fixture
def desk(place, runs, tmp_path):
    shelf = Shelf(runs, clock=iter(range(10**9)).__next__)
    follower = Follower(shelf, lambda _name: place)
    folders = (tmp_path / "validations", tmp_path / "bench")
    found = Desk(shelf, follower, Submission(runs), lambda run_id, notice: repeated(run_id, runs, notice), *folders)
    yield found
    follower.stop()


@pytest.fixture
def stranger(desk):
    keys = Keys()
    return Browser(app(desk, keys), keys)


@pytest.fixture
def browser(stranger):
    return stranger.enter()
