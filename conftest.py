"""What the contract tests of images share: options, the image, and a testinfra host that is the inside of an image.

It lies here because the tests of one image lie with its recipe, and those of all images in `tests/images/`.
"""

import os
import platform
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from testinfra.backend.base import BaseBackend, CommandResult
from testinfra.host import Host

from esd_build.commands.opening import open_environment
from esd_build.data.errors import EsdError
from esd_build.data.project import Environment, Project
from esd_build.tools.apptainer import Apptainer
from esd_build.tools.containers import Engine
from esd_build.tools.process import Account, run

ROOT = Path(__file__).parent

# h5py asks for it when it is imported, and Python answers by running `uname` once; asked here, no unit test is the one that does.
platform.processor()

# A shell makes what runs in its background (`make test &`) deaf to Ctrl-C, and programs inherit that: tests that send one would never end.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class ApptainerBackend(BaseBackend):
    """Runs testinfra's commands inside a SIF file: nothing of the host's environment, no home folder, a read-only root."""

    NAME = "apptainer"

    def __init__(self, apptainer: Apptainer, image: Path) -> None:
        self._apptainer = apptainer
        self._image = image
        super().__init__(hostname=image.name)

    def run(self, command: str, *args: str, **_options: object) -> CommandResult:
        finished = self._apptainer.execute(self._image, ("sh", "-c", self.get_command(command, *args)))
        return self.result(finished.returncode, command, finished.text.encode(), b"")


class EngineBackend(BaseBackend):
    """Runs testinfra's commands in containers of an OCI image, as the same ordinary user."""

    NAME = "engine"

    def __init__(self, engine: Engine, name: str, account: Account) -> None:
        self._engine, self._name, self._user = engine, name, f"{account.uid}:{account.gid}"
        super().__init__(hostname=name)

    def run(self, command: str, *args: str, **_options: object) -> CommandResult:
        finished = self._engine.execute(self._name, ("sh", "-c", self.get_command(command, *args)), self._user)
        return self.result(finished.returncode, command, finished.text.encode(), b"")


def _engine() -> Engine:
    try:
        return Engine.connect()
    except EsdError as error:
        pytest.skip(f"no container can be run here: {error}")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which image the contract is checked of."""
    group = parser.getgroup("image contract")
    group.addoption("--image-file", type=Path, help="the SIF file to test; default: the image of that name in dist/images/")
    group.addoption("--image-env", default="edge", help="the environment that the image was built from")
    group.addoption("--image-provider", help="how it was installed; default: what the environment's release.yaml says")
    group.addoption("--image-target", help="the processor that it is for; default: the environment's")
    group.addoption("--image-oci", help="name of the image's OCI twin in Docker or Podman: commands run in that instead")


@pytest.fixture(autouse=True)
def nothing_real(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps unit tests what they are: a test without a marker that says otherwise starts no program and opens no connection."""
    if not any(request.node.get_closest_marker(name) for name in ("integration", "image", "site")):

        def refuse(*_args: object, **_options: object) -> None:
            raise AssertionError("a unit test tried to start a program or to open a connection; mark it 'integration', or pass a fake")

        monkeypatch.setattr(subprocess.Popen, "__init__", refuse)
        monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="session")
def environment(request: pytest.FixtureRequest) -> Environment:
    """The pins that the image must keep to."""
    option = request.config.getoption
    return open_environment(Project(ROOT), option("--image-env"), option("--image-provider"), option("--image-target"))


@pytest.fixture(scope="session")
def image(request: pytest.FixtureRequest, environment: Environment) -> Path:
    """The SIF file under test."""
    chosen = request.config.getoption("--image-file") or Project(ROOT).images / f"nest-{environment.label}.sif"
    if not chosen.is_file():
        pytest.skip(f"no image {chosen.name}: `make image` builds it")
    return chosen


@pytest.fixture(scope="session")
def apptainer(tmp_path_factory: pytest.TempPathFactory) -> Apptainer:
    """Apptainer as the account that runs containers here."""
    try:
        account = Account.current()
        found = Apptainer(account, tmp_path_factory.mktemp("apptainer"))
        found.version()
    except EsdError as error:
        pytest.skip(f"no container can be run here: {error}")
    if account.is_other:
        os.chown(found.temporary, account.uid, account.gid)
        found.temporary.parent.chmod(0o755)
        found.temporary.parent.parent.chmod(0o755)
    return found


@pytest.fixture(scope="session")
def readable_image(apptainer: Apptainer, image: Path) -> Path:
    """The image where the account that runs containers can read it: root's checkout may lie in a folder closed to others."""
    if run(("test", "-r", str(image.absolute())), account=apptainer.account).returncode == 0:
        return image
    return Path(shutil.copy(image, apptainer.temporary))


@pytest.fixture(scope="session")
def host(apptainer: Apptainer, readable_image: Path) -> Host:
    """The inside of the image, as testinfra sees a machine."""
    return Host(ApptainerBackend(apptainer, readable_image))


@pytest.fixture(scope="session")
def labels(apptainer: Apptainer, readable_image: Path) -> dict[str, str]:
    """The image's labels, read without starting it."""
    return apptainer.labels(readable_image)
