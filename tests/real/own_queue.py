"""Our queue without a site around it: one endpoint, and the stand-in that runs its jobs with this machine's Python."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from tests.esd_localsite.unicore.conftest import PASSWORD, USER, EndpointProcess, free_port, write_setting
from tests.real.machine import write_stand_in


@dataclass(frozen=True)
class OwnQueue:
    """A running one."""

    endpoint: EndpointProcess

    @property
    def url(self) -> str:
        return self.endpoint.url.split("/LOCAL")[0]

    @property
    def issuer(self) -> str:
        return f"{self.url}/LOCAL/oidc"

    @property
    def folder(self) -> Path:
        return self.endpoint.folder

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def tls(self) -> ssl.SSLContext:
        return self.endpoint.verify

    def token(self) -> str:
        form = {"grant_type": "password", "username": USER, "password": PASSWORD}
        return str(httpx.post(f"{self.issuer}/token", data=form, verify=self.tls).raise_for_status().json()["access_token"])


@contextmanager
def own_queue(folder: Path, **changes: object) -> Iterator[OwnQueue]:
    """Platform Demo alone; `changes` of the endpoint's settings."""
    (folder / "platforms").mkdir()
    (folder / "platforms" / "Demo.sif").touch()
    endpoint = EndpointProcess(folder, free_port())
    path = {"PATH": write_stand_in(folder / "bin")}
    write_setting(folder, endpoint.port, platforms_dir=str(folder / "platforms"), login_environment=path, **changes)
    endpoint.start()
    try:
        yield OwnQueue(endpoint)
    finally:
        endpoint.stop()
