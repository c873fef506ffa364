"""A real registry (Debian's docker-registry) with TLS on loopback, that tests and benchmarks can stop and start again."""

import contextlib
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import tenacity
import trustme

from esd_build.data.reference import ImageReference
from esd_build.net.patience import Patience
from esd_build.registry import Registry

AVAILABLE = shutil.which("docker-registry") is not None


def free_port() -> int:
    """A port that nothing listens at just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Tls:
    """A certificate for 127.0.0.1, and the authority that made it."""

    ca_file: Path
    certificate: Path
    key: Path

    @classmethod
    def make(cls, folder: Path) -> "Tls":
        tls = cls(folder / "ca.pem", folder / "certificate.pem", folder / "key.pem")
        authority = trustme.CA()
        issued = authority.issue_cert("127.0.0.1")
        issued.private_key_pem.write_to_path(tls.key)
        for index, pem in enumerate(issued.cert_chain_pems):
            pem.write_to_path(tls.certificate, append=index > 0)
        authority.cert_pem.write_to_path(tls.ca_file)
        return tls


@dataclass
class RegistryServer:
    """One docker-registry. Its storage outlives a restart."""

    folder: Path
    tls: Tls
    host: str
    storage: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        (self.folder / "config.yml").write_text(
            f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n"
            f"storage: {{filesystem: {{rootdirectory: {self.storage}}}, delete: {{enabled: true}}}}\n"
            f"http: {{addr: '{self.host}', secret: for tests, tls: {{certificate: {self.tls.certificate}, key: {self.tls.key}}}}}\n"
        )
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(["docker-registry", "serve", str(self.folder / "config.yml")], stdout=log, stderr=log)
        self._wait()

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def blob(self, digest: str) -> Path:
        """Where the registry keeps a blob's bytes."""
        return self.storage / f"docker/registry/v2/blobs/sha256/{digest[7:9]}/{digest[7:]}/data"

    @tenacity.retry(
        retry=tenacity.retry_if_exception_type(httpx.TransportError), wait=tenacity.wait_fixed(0.05), stop=tenacity.stop_after_delay(20)
    )
    def _wait(self) -> None:
        httpx.get(f"https://{self.host}/v2/", verify=ssl.create_default_context(cafile=str(self.tls.ca_file))).raise_for_status()


@contextlib.contextmanager
def running_registry(folder: Path, storage: Path | None = None) -> Iterator[RegistryServer]:
    """A registry that is up."""
    server = RegistryServer(folder, Tls.make(folder), f"127.0.0.1:{free_port()}", storage or folder / "storage")
    try:
        server.start()
        yield server
    finally:
        server.stop()


@dataclass(frozen=True)
class Place:
    """What a test pushes to: a host (the registry, or a proxy in front of it), and what a client of it needs."""

    host: str
    ca_file: Path
    unfinished: Path
    patience_s: float = 5

    @property
    def registry(self) -> Registry:
        """A new client, as a new process would make it."""
        patience = Patience(self.patience_s, sleep=lambda pause_s: time.sleep(pause_s / 20))
        return Registry(self.host, ca_file=self.ca_file, patience=patience, unfinished=self.unfinished)

    def reference(self, tag: str, image: str = "nest") -> ImageReference:
        return ImageReference.parse(f"{self.host}/esd/{image}:{tag}")
