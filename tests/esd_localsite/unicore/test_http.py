"""Requests and refusals that pyunicore does not show; in-process."""

import grp
import os

import pytest

WAITING = {"Executable": "date", "haveClientStageIn": "true"}
SESSION = "X-UNICORE-SecuritySession"


def make_job(http, description=WAITING):
    reply = http.post("jobs", json=description)
    assert reply.status_code == 201
    http.begin()
    return reply.headers["Location"].rpartition("/")[2]


def test_location_is_absolute_and_without_a_trailing_slash(http):
    location = http.post("jobs", json=WAITING).headers["Location"]
    assert location.startswith("https://127.0.0.1:1/LOCAL/rest/core/jobs/")
    assert not location.endswith("/")


@pytest.mark.parametrize("body", [b"[]", b"{'a'", b"no json"])
def test_what_is_no_json_object_is_refused_with_a_message(http, body):
    reply = http.post("jobs", content=body)
    assert reply.status_code == 500
    assert reply.json()["errorMessage"].startswith("Could not submit job: ")


def test_single_quoted_json_is_read(http):
    assert http.post("jobs", content=b"{'haveClientStageIn': 'true'}").status_code == 201


def test_wrong_credentials_get_an_empty_403(http):
    reply = http.get("jobs", auth=("esd", "falsch"))
    assert (reply.status_code, reply.content) == (403, b"")


def test_an_unknown_session_gets_an_empty_432(http):
    reply = http.get("jobs", headers={SESSION: "00000000-0000-0000-0000-000000000000"})
    assert (reply.status_code, reply.content) == (432, b"")


def test_a_session_overrides_the_credentials(http):
    first = http.get("jobs")
    assert first.headers[f"{SESSION}-Lifetime"] == "28800000"
    session = first.headers[SESSION]
    second = http.get("jobs", headers={SESSION: session}, auth=("esd", "falsch"))
    assert (second.status_code, second.headers[SESSION]) == (200, session)


@pytest.mark.parametrize("path", ["jobs/nonsense", "storages/nonsense", "storages/../jobs/x", "nonsense", "jobs/x/actions/start"])
def test_what_does_not_exist(http, path):
    assert http.get(path).status_code in {404, 405}


def test_unknown_action(http):
    assert http.post(f"jobs/{make_job(http)}/actions/explode").status_code == 500


def test_a_job_has_no_exit_code_before_its_end(http):
    properties = http.get(f"jobs/{make_job(http)}").json()
    assert properties["status"] == "READY"
    assert "exitCode" not in properties
    assert properties["_links"]["action:start"]["href"].endswith("/actions/start")


def test_fields_choose_what_is_shown(http):
    job = make_job(http)
    assert set(http.get(f"jobs/{job}?fields=status,log").json()) == {"status", "log"}
    assert "log" not in http.get(f"jobs/{job}?fields=!log").json()


def test_uploads_cannot_leave_the_working_directory(http, tmp_path):
    storage = f"storages/{make_job(http)}-uspace/files"
    reply = http.put(f"{storage}/%2E%2E/%2E%2E/escaped", content=b"x", headers={"Content-Type": "application/octet-stream"})
    assert reply.status_code == 400
    assert "does not stay inside the storage" in reply.json()["errorMessage"]
    assert not (tmp_path / "escaped").exists()
    assert not (tmp_path / "uspace" / "escaped").exists()


def test_downloads(http):
    file = f"storages/{make_job(http)}-uspace/files/x"
    http.put(file, content=b"0123456789", headers={"Content-Type": "application/octet-stream"})
    bytes_please = {"Accept": "application/octet-stream", "Accept-Encoding": "gzip"}
    whole = http.get(file, headers=bytes_please)
    assert (whole.content, whole.headers["Content-Length"]) == (b"0123456789", "10")
    assert "Content-Encoding" not in whole.headers
    part = http.get(file, headers={**bytes_please, "Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")
    assert http.get(file, headers={**bytes_please, "Range": "nonsense"}).status_code == 416
    assert http.get(file.removesuffix("/x"), headers=bytes_please).status_code == 406
    assert http.get(f"{file}y", headers=bytes_please).status_code == 404


def test_permissions_are_set_by_json(http):
    file = f"storages/{make_job(http)}-uspace/files/x"
    http.put(file, content=b"", headers={"Content-Type": "application/octet-stream"})
    assert http.put(file, json={"permissions": "rwx------"}).json() == {"permissions": "OK"}
    assert http.get(file).json()["permissions"] == "rwx------"


@pytest.mark.parametrize(("body", "status"), [({}, 500), ({"from": "a"}, 500), ({"from": "../x", "to": "y"}, 400)])
def test_renames_are_checked(http, body, status):
    storage = f"storages/{make_job(http)}-uspace"
    assert http.post(f"{storage}/actions/rename", json=body).status_code == status


def test_each_group_that_is_available_can_be_chosen_and_no_other(http):
    core = "https://127.0.0.1/LOCAL/rest/core"
    groups = http.get(core).json()["client"]["xlogin"]["availableGroups"]
    assert grp.getgrgid(os.getegid()).gr_name in groups
    for group in groups:
        reply = http.get(core, headers={"X-UNICORE-User-Preferences": f"uid:esd,group:{group}"})
        assert reply.json()["client"]["xlogin"]["group"] == group
    assert http.get(core, headers={"X-UNICORE-User-Preferences": "group:no-such-group"}).status_code == 403


def test_a_storage_is_ready(http):
    storage = http.get(f"storages/{make_job(http)}-uspace").json()
    assert storage["resourceStatus"] == "READY"
    assert (storage["freeSpace"] > 0, storage["usableSpace"]) == (True, -1)


def test_a_storage_without_its_directory_says_so(http):
    job = http.post("jobs", json=WAITING).headers["Location"].rpartition("/")[2]
    storage = http.get(f"storages/{job}-uspace").json()
    assert (storage["resourceStatus"], "mountPoint" in storage) == ("INITIALIZING", False)


def test_jobs_and_their_files_are_their_owners_only(http, other_user):
    job = make_job(http)
    assert http.get("jobs", auth=other_user).json()["jobs"] == []
    assert http.get("storages?filter=all", auth=other_user).json()["storages"] == ["https://127.0.0.1:1/LOCAL/rest/core/storages/HOME"]
    for path in (f"jobs/{job}", f"jobs/{job}/submitted", f"storages/{job}-uspace", f"storages/{job}-uspace/files"):
        assert http.get(path, auth=other_user).status_code == 403
    assert http.post(f"jobs/{job}/actions/abort", auth=other_user).status_code == 403
    assert http.get(f"jobs/{job}").json()["status"] == "READY"
