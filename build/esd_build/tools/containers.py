"""Docker, or Podman's socket that speaks its language: the only module that knows their words and errors."""

import contextlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker
import docker.errors
import requests

from esd_build.data.errors import ToolError
from esd_build.tools.process import Finished

_TIMEOUT_S = 600
_DIGEST = re.compile(r"digest\W+(sha256:[0-9a-f]{64})", re.IGNORECASE)
_SCRATCH = "/tmp"  # noqa: S108 - inside the container


@dataclass(frozen=True)
class Engine:
    """A container engine behind a socket."""

    client: docker.DockerClient

    @classmethod
    @contextmanager
    def connect(cls) -> Iterator["Engine"]:
        """The engine that DOCKER_HOST names, else Docker's or Podman's usual socket. Raises ToolError if none answers."""
        for address in _addresses():
            client = _answering(address)
            if client:
                with contextlib.closing(client):
                    yield cls(client)
                return
        raise ToolError(
            f"no container engine answers at {', '.join(_addresses())}; start Docker, or `podman system service --time 0 unix:///path` "
            "and set DOCKER_HOST=unix:///path"
        )

    def load(self, archive: Path, identifier: str, name: str) -> None:
        """Load an image archive. Raises ToolError if the engine made another image of it."""
        with self._errors(f"loading {archive.name}"), archive.open("rb") as file:
            self.client.images.load(file)
            found = str(self.client.images.get(name).id)
        if found.removeprefix("sha256:") != identifier.removeprefix("sha256:"):
            raise ToolError(f"the engine's image {name} is {found}, not {identifier}; somebody else may have loaded it just now, try again")

    def push(self, name: str) -> str:
        """Push a loaded image to the registry that its name begins with; returns its digest there."""
        with self._errors(f"pushing {name}"):
            lines = list(self.client.api.push(name, stream=True, decode=True))
        errors = [str(line["error"]) for line in lines if "error" in line]
        if errors:
            raise ToolError(f"pushing {name}: {errors[0]}")
        # Docker says it as a field and in words, Podman in words alone.
        told = [found[1] for line in lines if (found := _DIGEST.search(json.dumps(line)))]
        if not told:
            raise ToolError(f"pushing {name}: the container engine reports no error and no digest; check whether it is in the registry")
        return told[-1]

    def execute(self, name: str, command: Sequence[str], user: str) -> Finished:
        """Run a command in a new container: read-only root, an ordinary user, a /tmp of its own."""
        with self._errors(f"running in {name}"):
            options = {"read_only": True, "tmpfs": {_SCRATCH: "exec,mode=1777"}, "network_mode": "none", "working_dir": "/"}
            container = self.client.containers.create(name, list(command), user=user, **options)
            try:
                container.start()
                code = int(container.wait(timeout=_TIMEOUT_S)["StatusCode"])
                return Finished(code, tuple(container.logs().decode(errors="replace").splitlines()))
            finally:
                container.remove(force=True)

    @contextmanager
    def _errors(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
            raise ToolError(f"{doing}: the container engine says: {error}") from error


def _answering(address: str) -> docker.DockerClient | None:
    try:
        # Asks for the engine's version at once, and so fails where nothing answers.
        return docker.DockerClient(base_url=address, timeout=_TIMEOUT_S)
    except (docker.errors.DockerException, requests.exceptions.RequestException):
        return None


def _addresses() -> tuple[str, ...]:
    chosen = os.environ.get("DOCKER_HOST")
    if chosen:
        return (chosen,)
    runtime = os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.geteuid()}")
    return ("unix:///var/run/docker.sock", f"unix://{runtime}/podman/podman.sock", "unix:///run/podman/podman.sock")
