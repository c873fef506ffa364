"""An endpoint that is root, and jobs that are not."""

import os
import pwd
import tempfile
from pathlib import Path

import httpx
import pytest

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: jobs run as another user"),
]

JOB_USER = "esd"


@pytest.fixture(scope="module")
def root_endpoint(start_endpoint):
    try:
        pwd.getpwnam(JOB_USER)
    except KeyError:
        pytest.skip(f"no user '{JOB_USER}'")
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to the job user
        Path(name).chmod(0o755)
        yield from start_endpoint(Path(name), separate_users=True)


@pytest.fixture
def root_client(root_endpoint):
    return root_endpoint.client()


@pytest.fixture
def secret(root_endpoint):
    """A file that only root may read, in a folder that only root may write; its group is root's."""
    folder = root_endpoint.folder / "roots"
    folder.mkdir(mode=0o755, exist_ok=True)
    path = folder / "secret"
    path.write_text("geheim")
    path.chmod(0o640)
    return path


def test_everything_of_a_job_is_the_job_users(root_client, finish, read):
    show = "id -un; id -Gn; umask; grep CapEff /proc/self/status; echo $HOME"
    job = finish(root_client.new_job({"Executable": show, "User precommand": "echo x >made; bash -c 'id -un; id -Gn'"}))
    home = pwd.getpwnam(JOB_USER).pw_dir
    assert read(job, "stdout").split() == [JOB_USER, JOB_USER, "0027", "CapEff:", "0" * 16, home]
    assert read(job, ".UNICORE_PRE_0/stdout").split() == [JOB_USER, JOB_USER]
    job.working_dir.put(b"", "deep/uploaded")
    job.working_dir.mkdir("made-by-client")
    files = job.working_dir.listdir() | job.working_dir.listdir("deep")
    assert {"stdout", "made", "deep/", "deep/uploaded", "made-by-client/"} <= set(files)
    assert {file.properties["owner"] for file in files.values()} == {JOB_USER}


def test_links_lead_no_further_than_the_job_user_may_go(root_client, secret, finish):
    lines = f"ln -s {secret} file; ln -s {secret.parent} folder; ln -s {secret} UNICORE_SCRIPT_EXIT_CODE"
    storage = finish(root_client.new_job({"Executable": lines})).working_dir
    assert storage.stat("file").read() != b"geheim"
    for forbidden in (
        lambda: storage.put(b"x", "folder/new"),
        lambda: storage.mkdir("folder/new"),
        lambda: storage.rm("folder/secret"),
        lambda: storage.copy("file", "copy"),
    ):
        with pytest.raises(httpx.HTTPError, match=r"500 Server Error: .*Permission denied"):
            forbidden()
    assert secret.read_text() == "geheim"
    assert [path.name for path in secret.parent.iterdir()] == ["secret"]


def test_deleting_a_job_spares_what_its_links_lead_to(root_client, secret, finish):
    job = finish(root_client.new_job({"Executable": f"ln -s {secret.parent} folder"}))
    job.delete()
    assert secret.exists()


def test_records_and_keys_are_closed_to_the_job_user(root_endpoint, root_client, finish, read):
    state = root_endpoint.folder / "state"
    job = finish(root_client.new_job({"Executable": f"cat {state}/token.key {state}/jobs/*"}))
    assert job.exit_code == 1
    assert read(job, "stdout") == ""
