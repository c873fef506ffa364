"""The real server's programs as the supervisor starts them."""

import subprocess
from pathlib import Path

import pytest

from esd_localsite.errors import LocalSiteError
from esd_localsite.state.layout import Layout
from esd_localsite.supervision.children import ended_message
from esd_localsite.supervision.daemons import Daemon
from esd_localsite.supervision.real_server import server
from esd_localsite.unicorex.programs.java import find_java

GREEDY = """
public class Greedy {
    public static void main(String[] words) {
        var kept = new java.util.ArrayList<byte[]>();
        new Thread(() -> { while (true) kept.add(new byte[1_000_000]); }).start();
    }
}
"""


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    try:
        java = find_java()
    except LocalSiteError as error:
        pytest.skip(str(error))
    listed = subprocess.run((java, "--list-modules"), capture_output=True, text=True, check=True).stdout
    if "jdk.compiler" not in listed:
        pytest.skip("this Java has no compiler (Debian's openjdk-17-jdk-headless has one)")
    return server(Layout("demo", root=tmp_path), java, tmp_path / "jars")


@pytest.mark.integration
def test_a_server_whose_heap_is_full_ends_and_says_so(daemon: Daemon, tmp_path: Path) -> None:
    """By the options of the server: a thread that dies alone would leave a server that answers wrongly."""
    (program := tmp_path / "Greedy.java").write_text(GREEDY)
    options = [word for word in daemon.argv[1:] if word.startswith("-X")]
    with (log := tmp_path / "unicorex.log").open("w") as out:
        code = subprocess.run((daemon.argv[0], *options, "-Xmx64m", str(program)), stdout=out, stderr=out, check=False).returncode

    said = ended_message(daemon, code, log)

    assert said.startswith("unicorex ended with exit code 3; its log is ")
    assert "java.lang.OutOfMemoryError: Java heap space" in said
