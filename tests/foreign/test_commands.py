"""pyunicore's command line `unicore`, unmodified: each of its commands at a site with our endpoint and at one with the real UNICORE/X."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.contract.web import Web
from tests.foreign.conftest import CURRENT, Environments

pytestmark = [pytest.mark.site, pytest.mark.integration]

Unicore = Callable[..., str]


@pytest.fixture
def unicore(environments: Environments, web: Web, variables: dict[str, str], tmp_path: Path) -> Unicore:
    """One command; what it printed. It asks for the password, which a variable gives."""
    settings = tmp_path / "properties"
    settings.write_text(f"registry={web.base}/rest/registries/default_registry\nusername={web.place.username}\n")
    program = str(environments(CURRENT) / "unicore")
    with_password = {**variables, "UCC_PASSWORD": web.place.password}

    def call(verb: str, *arguments: str) -> str:
        command = (program, verb, "-c", str(settings), *arguments)
        done = subprocess.run(command, cwd=tmp_path, env=with_password, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return call


def test_information_and_a_token(unicore: Unicore, web: Web) -> None:
    assert f"uid='{web.place.username}'" in unicore("info")
    assert "mount point" in unicore("info", f"{web.core}/storages/HOME")
    assert unicore("issue-token", "-s", web.base.rpartition("/")[2]).count(".") == 2
    assert json.loads(unicore("rest", "GET", web.core))["client"]["xlogin"]["UID"] == web.place.username


def test_a_command_and_a_job(unicore: Unicore, web: Web, tmp_path: Path) -> None:
    assert "from there" in unicore("exec", "echo", "from there")
    (tmp_path / "job.u").write_text(json.dumps({"ApplicationName": "Date"}))
    assert " UTC " in unicore("run", "-T", "by-command", "job.u") or "20" in unicore("run", "-T", "by-command", "job.u")
    (job, *_) = unicore("list-jobs", "-T", "by-command").split()
    assert "SUCCESSFUL exit code: 0" in unicore("job-status", "-a", job)
    (tmp_path / "long.u").write_text(json.dumps({"Executable": "sleep 600"}))
    unicore("run", "-a", "-T", "to-cancel", "long.u")
    (job,) = unicore("list-jobs", "-T", "to-cancel").split()
    unicore("cancel-job", job)
    unicore("job-status", "-w", "SUCCESSFUL", "-t", "200", job)
    assert "FAILED" in unicore("list-jobs", "-l", "-T", "to-cancel")


def test_files_and_transfers(unicore: Unicore, web: Web, tmp_path: Path) -> None:
    job = web.submit({})
    unicore("job-status", "-w", "SUCCESSFUL", "-t", "200", job)
    folder = web.folder(job)
    web.ask("PUT", f"{folder}/files/a.txt", content=b"hello\n", headers={"Content-Type": "application/octet-stream"})
    assert "/a.txt" in unicore("ls", folder)
    assert "rw" in unicore("ls", "-l", f"{folder}/files/a.txt")
    assert unicore("cat", f"{folder}/files/a.txt") == "hello\n"
    unicore("cp", f"{folder}/files/a.txt", "came.txt")
    assert (tmp_path / "came.txt").read_text() == "hello\n"
    unicore("cp", f"{folder}/files/a.txt", f"{folder}/files/b.txt")
    assert unicore("cat", f"{folder}/files/b.txt") == "hello\n"
