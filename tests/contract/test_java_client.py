"""UNICORE's own client library for Java, the base of its command line UCC, against our endpoint and against a real server.

The program that goes through its steps is not ours to keep here: it is compiled from `--java-client FILE` (JavaClient.java), and the
library's jars are those that are kept for
local sites on this machine, or `--java-jars FOLDER`. It prints one line a step, `ok …` or `FAILED …`.
"""

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.contract.web import Web

from esd_localsite.state.layout import Layout
from esd_localsite.unicorex.places import Places
from esd_localsite.unicorex.programs.jars import UNICOREX, kept

pytestmark = [pytest.mark.site, pytest.mark.integration]
BESIDE = Path(__file__).parents[3] / "shared" / "peers" / "unicore" / "JavaClient.java"
LEAST_STEPS = 20


@pytest.fixture(scope="module")
def java_client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command that runs it."""
    source = request.config.getoption("--java-client") or BESIDE
    jars = request.config.getoption("--java-jars") or kept(Places(Layout("any")).jars, UNICOREX)
    if not source.is_file():
        pytest.skip(f"no {source}: name JavaClient.java with --java-client")
    if not any(jars.glob("*.jar")):
        pytest.skip("no jars of UNICORE/X here: `local up --server unicorex` fetches them; or name their folder with --java-jars")
    if not (shutil.which("javac") and shutil.which("java")):
        pytest.skip("no Java compiler here (Debian: default-jdk-headless)")
    classes = tmp_path_factory.mktemp("java")
    subprocess.run(("javac", "-cp", f"{jars}/*", "-d", str(classes), str(source)), check=True)
    return ["java", "-Xmx128m", "-cp", f"{jars}/*:{classes}", "JavaClient"]


def test_every_step_of_the_java_client_is_taken(java_client: list[str], web: Web, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.touch(mode=0o600)
    secret.write_text(web.place.password)
    command = (*java_client, web.core, str(web.place.ca_file), web.place.username, str(secret))
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300).stdout.splitlines()
    steps = [line for line in said if line.startswith(("ok ", "FAILED "))]
    assert [line for line in steps if line.startswith("FAILED")] == []
    assert len(steps) >= LEAST_STEPS, said
