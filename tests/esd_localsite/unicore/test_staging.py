"""What jobs bring in and send out, and transfers: addresses (pure), then the unmodified client against a real endpoint."""

import time

import httpx
import pytest
from pyunicore.client import TransferStatus

from esd_localsite.description.credentials import Credentials, parse_credentials
from esd_localsite.description.resources import DescriptionError
from esd_localsite.description.staging import LocalFile, StoredFile, WebFile, place

HERE = (frozenset({"h:1", "localhost:1"}), "/S")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://h:1/S/rest/core/storages/HOME/files/a/b%20c", StoredFile("HOME", "/a/b c")),
        ("https://LOCALHOST:1/S/rest/core/storages/x-uspace/files/", StoredFile("x-uspace", "/")),
        ("BFT:https://h:1/S/rest/core/storages/HOME/files/a", StoredFile("HOME", "/a")),
        ("https://h:1/T/rest/core/storages/HOME/files/a", WebFile("https://h:1/T/rest/core/storages/HOME/files/a")),
        ("BFT:https://o/T/rest/core/storages/x-uspace/files", WebFile("https://o/T/rest/core/storages/x-uspace/files")),
        ("http://h:1/S/rest/core/storages/HOME/files/a", WebFile("http://h:1/S/rest/core/storages/HOME/files/a")),
        ("file:///etc/hostname", LocalFile("/etc/hostname")),
        ("https://example.org/x", WebFile("https://example.org/x")),
    ],
)
def test_what_an_address_means(address, expected):
    assert place(address, *HERE) == expected


@pytest.mark.parametrize(
    "address", ["", "x", "ftp://h/x", "UFTP:https://h:1/x", "file://host/x", "https://[", "https:///x", "https://u:p@h/x"]
)
def test_addresses_that_lead_nowhere(address):
    with pytest.raises(DescriptionError):
        place(address, *HERE)


LOGIN = {"Credentials": {"Username": "esd", "Password": "geheim"}}


def test_credentials_of_an_import():
    assert parse_credentials({}) is None
    assert parse_credentials(LOGIN).authorization == "Basic ZXNkOmdlaGVpbQ=="
    assert parse_credentials({"Credentials": {"BearerToken": "t"}}).resolved("other").authorization == "Bearer t"
    assert Credentials().resolved("mine").authorization == "Bearer mine"
    with pytest.raises(DescriptionError, match="you presented no token"):
        Credentials().resolved(None)
    assert "geheim" not in repr(parse_credentials(LOGIN))


@pytest.mark.parametrize(
    "given", ["x", {}, {"Username": "a"}, {"BearerToken": 1}, {"BearerToken": "a\r\nX: y"}, {"Username": "a", "Token": "b"}]
)
def test_credentials_that_are_none(given):
    with pytest.raises(DescriptionError, match="'Credentials' must be"):
        parse_credentials({"Credentials": given})


pytest_integration = pytest.mark.integration


@pytest.fixture
def directory(client, finish):
    """A job's working directory with something in it."""
    storage = finish(client.new_job({})).working_dir
    for name in ("one.txt", "two.txt", "folder/three.bin"):
        storage.put(name.encode(), name)
    return storage


def contents(storage, base="/"):
    return {name for name in storage.listdir(base) if not name.endswith("EXIT_CODE")}


@pytest_integration
def test_imports_from_another_job_from_disk_and_inline(client, directory, finish, read, tmp_path):
    (tmp_path / "local.txt").write_text("from disk")
    imports = [
        {"From": f"{directory.resource_url}/files/one.txt", "To": "in/first"},
        {"From": f"{directory.resource_url}/files/*.txt", "To": "all"},
        {"From": f"{directory.resource_url}/files/folder", "To": "copied"},
        {"From": f"file://{tmp_path}/local.txt", "To": "disk"},
        {"From": "inline://text", "To": "inline", "Data": ["a", "b"]},
        {"From": f"{directory.resource_url}/files/missing", "To": "missing", "FailOnError": "false"},
    ]
    job = finish(client.new_job({"Executable": "cat in/first disk inline; ls all copied", "Imports": imports}))
    assert read(job, "stdout").split() == ["one.txtfrom", "diska", "b", "all:", "one.txt", "two.txt", "copied:", "three.bin"]


@pytest_integration
@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{dir}/files/missing", "No such file or directory"),
        ("file:///nowhere/profile", "No such file or directory"),
        ("{dir}x/files/one.txt", "No such storage"),
        ("UFTP:{dir}/files/one.txt", "Protocol 'UFTP' is not available"),
        ("https://127.0.0.1:1/x", "cannot read"),
    ],
)
def test_an_import_that_fails_fails_the_job_and_says_why(client, directory, finish, source, said):
    address = source.format(dir=directory.resource_url)
    job = finish(client.new_job({"Executable": "touch began", "Imports": [{"From": address, "To": "x"}]}))
    assert job.properties["status"] == "FAILED"
    assert said in job.properties["statusMessage"]
    assert "began" not in contents(job.working_dir)


@pytest_integration
def test_exports_go_to_a_storage_and_to_disk(client, directory, finish, tmp_path):
    exports = [
        {"From": "out.txt", "To": f"{directory.resource_url}/files/results/out.txt"},
        {"From": "out.txt", "To": f"file://{tmp_path}/out.txt"},
        {"From": "missing", "To": f"{directory.resource_url}/files/x", "FailOnError": "false"},
    ]
    job = finish(client.new_job({"Executable": "echo result > out.txt", "Exports": exports}))
    assert (job.properties["status"], (tmp_path / "out.txt").read_text()) == ("SUCCESSFUL", "result\n")
    assert directory.stat("results/out.txt").read() == b"result\n"
    failing = finish(client.new_job({"Executable": "true", "Exports": [{"From": "missing", "To": f"file://{tmp_path}/x"}]}))
    assert failing.properties["statusMessage"].startswith("Stage-out failed: missing")


@pytest_integration
def test_transfers_move_files_between_jobs(client, directory, finish):
    other = finish(client.new_job({})).working_dir
    pulled = ended(other.receive_file(f"{directory.resource_url}/files/folder/three.bin", "three"))
    sent = ended(other.send_file("three", f"{directory.resource_url}/files/back"))
    assert (pulled.properties["transferredBytes"], sent.status) == (len("folder/three.bin"), TransferStatus.DONE)
    assert directory.stat("back").read() == b"folder/three.bin"
    assert {transfer.resource_url for transfer in client.get_transfers()} >= {pulled.resource_url, sent.resource_url}
    pulled.delete()
    assert pulled.resource_url not in {transfer.resource_url for transfer in client.get_transfers()}
    with pytest.raises(httpx.HTTPError, match="404"):
        pulled.properties  # noqa: B018 - asking is the test


@pytest_integration
def test_a_transfer_that_cannot_be_done_says_why(client, directory):
    failed = ended(directory.receive_file(f"{directory.resource_url}/files/missing", "x"))
    assert failed.status is TransferStatus.FAILED
    assert "No such file" in failed.properties["statusMessage"]
    for body in ({}, {"file": "x"}, {"file": "x", "source": "a", "target": "b"}):
        with pytest.raises(httpx.HTTPError, match="500 Server Error: A transfer needs"):
            directory.transport.post(url=f"{directory.resource_url}/transfers", json=body)


@pytest_integration
def test_nobody_reaches_anothers_storage(endpoint, directory, other_user):
    address = f"{directory.resource_url}/files/one.txt"
    description = {"Executable": "cat x", "Imports": [{"From": address, "To": "x"}]}
    with httpx.Client(auth=other_user, verify=endpoint.verify) as other:
        job = other.post(f"{endpoint.url}/jobs", json=description).headers["Location"]
        end = time.monotonic() + 10
        while (state := other.get(job).json())["status"] != "FAILED":
            assert time.monotonic() < end, state
        assert "No such storage" in state["statusMessage"]
        assert other.get(address).status_code == 403


@pytest_integration
def test_applications_by_name(client, finish, read):
    parameters = {"SOURCE": "script.sh", "ARGUMENTS": "one two"}
    script = {"From": "inline://text", "To": "script.sh", "Data": 'echo "$2"'}
    job = finish(client.new_job({"ApplicationName": "Bash shell", "Parameters": parameters, "Imports": [script]}))
    assert read(job, "stdout") == "two\n"
    assert client.get_applications()[1].options == {"SOURCE": {"Type": "FILENAME"}, "ARGUMENTS": {"Type": "STRING"}}
    assert finish(client.new_job({"ApplicationName": "Date"})).exit_code == 0


@pytest_integration
def test_a_target_system_of_ones_own(endpoint, client):
    sites = f"{endpoint.url}/sites"
    own = client.transport.post(url=sites, json={}).headers["Location"]
    assert client.transport.put(url=own, json={"tags": ["a"]}).json() == {"tags": "OK"}
    assert client.transport.get(url=sites, params={"tags": "a"})["sites"] == [own]
    assert client.transport.get(url=own)["tags"] == ["a"]
    client.transport.delete(url=own)
    with pytest.raises(httpx.HTTPError, match="404"):
        client.transport.get(url=own)


@pytest_integration
def test_long_lists_come_in_parts_with_a_link_to_the_next(endpoint, client):
    for number in range(3):
        client.new_job({"Tags": [f"part{number % 1}"], "haveClientStageIn": "true"}, autostart=False)
    url, seen = f"{endpoint.url}/jobs?num=2", []
    while url:  # the links forget `tags`, as there
        page = client.transport.get(url=url)
        seen += page["jobs"]
        url = page["_links"].get("next", {}).get("href")
    assert set(seen) == {job.resource_url for job in client.get_jobs(num=10_000)}


def ended(transfer):
    transfer.cache_time = 0
    end = time.monotonic() + 10
    while transfer.properties["status"] in {"CREATED", "RUNNING"}:
        assert time.monotonic() < end
    return transfer


METACHARACTERS = "a;touch ${PWD}/pwned $(touch pwned) `touch pwned` 'x' \"y\" | & > <"


@pytest_integration
@pytest.mark.parametrize("field", ["Name", "Stdout", "Stderr", "Tags", "Job type", "Umask", "BSS file", "To", "Queue", "Project"])
def test_what_is_no_command_is_never_taken_for_one(client, finish, field):
    """Executable, Arguments, the user's commands, parameters and variables are shell text; nothing else is."""
    description = {
        "To": {"Imports": [{"From": "inline://text", "To": METACHARACTERS, "Data": "x"}]},
        "Queue": {"Resources": {"Queue": METACHARACTERS}},
        "Project": {"Resources": {"Project": METACHARACTERS}},
        "Tags": {"Tags": [METACHARACTERS]},
    }.get(field, {field: METACHARACTERS})
    for kind in ("BATCH", "INTERACTIVE"):
        job = finish(client.new_job({"Executable": "true", "Job type": kind, **description}))
        assert "pwned" not in contents(job.working_dir)
        job.delete()
