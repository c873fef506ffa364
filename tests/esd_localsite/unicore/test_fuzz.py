"""Anything that a client may send: job descriptions (pure), then requests to the application in this process.

What is searched for is an exception that nobody foresaw: in this process it comes out here, where a server would say 500. Jobs wait for
their client, so that nothing of what is made up here is ever run.
"""

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from esd_localsite.description.description import parse_description, tags_of
from esd_localsite.description.fields import read_object
from esd_localsite.description.resources import DescriptionError
from esd_localsite.records.script import Who, allocation_script, login_script, submit_script, user_script

from .conftest import OTHER

FOLDER, WHO = Path("/uspace/id"), Who("CN=me", str)
QUICK = settings(max_examples=200, deadline=None, derandomize=True, database=None)
SLOW = settings(QUICK, max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])

_KEYS = (
    "Executable,Arguments,Environment,Resources,Imports,Exports,Name,Stdout,Stderr,Umask,Tags,Parameters,ApplicationName,Data,From,To,"
    "FailOnError,ApplicationVersion,Nodes,Runtime,Memory,Queue,Project,CPUsPerNode,NodeConstraints,QoS,IgnoreNonZeroExitCode,SOURCE,"
    "ARGUMENTS,file,source,target,Job type,BSS file,User precommand,User postcommand,RunUserPrecommandOnLoginNode,from,to,tags,permissions"
)
KEYS = st.sampled_from(_KEYS.split(","))
NASTY = st.sampled_from(
    ["", "..", "../x", "/", "/etc/passwd", "a/../../b", "x" * 300, "$(id)", "`id`", "\n", "\0", "\ud800", "file:///etc/hostname"]
)
MEANT = st.sampled_from(
    ["BATCH", "RAW", "ALLOCATE", "INTERACTIVE", "10m", "2G", "batch", "rwxr-x---", "Bash shell", "https://[", "inline://"]
)
TEXT = st.text(max_size=20) | NASTY | MEANT
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | TEXT, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(KEYS | TEXT, VALUES, max_size=6)


@QUICK
@given(OBJECTS)
@example({"Resources": {"Nodes": "٣"}})
@example({"Resources": {"Nodes": "9" * 5000}})
@example({"Resources": {"Memory": "9" * 5000}})
@example({"Imports": [{"From": "inline://", "To": "a", "Data": {"a": 1}}]})
def test_a_description_is_understood_or_refused(fields):
    try:
        job = parse_description(fields)
    except DescriptionError:
        return
    tags_of(fields)
    try:
        granted = job.resources.granted({})
    except DescriptionError:
        return
    for text in (submit_script("id", job, granted, FOLDER, "x"), allocation_script("id", job, granted, FOLDER)):
        header = [line for line in text.splitlines() if line.startswith("#SBATCH")]
        assert all(option.split("=")[0].removeprefix("#SBATCH --").replace("-", "").isalpha() for option in header)
    login_script(job, FOLDER, WHO)
    user_script(job, granted, FOLDER, WHO)


@QUICK
@given(st.binary(max_size=200) | OBJECTS.map(json.dumps).map(str.encode) | OBJECTS.map(lambda value: repr(value).encode(errors="replace")))
@example(b"[" * 100_000)
@example(b"{'a': 1e999}")
@example(b"{'a': {1, 2}}")
@example(b"{'a': b'x'}")
@example(b'{"a": "\\ud800"}')
@example(b"9" * 10_000)
@example(b"{'a': " + b"-" * 10_000 + b"1}")
def test_a_body_is_an_object_that_can_be_kept_or_is_refused(body):
    try:
        fields = read_object(body)
    except DescriptionError:
        return
    assert json.loads(json.dumps(fields)) is not None


WORDS = (
    "jobs,sites,storages,transfers,client-server-transfers,factories,default_target_system_factory,applications,reservations,tasks,token,"
    "HOME,files,actions,start,abort,restart,copy,rename,details,submitted,default,x,.."
)
SEGMENTS = st.sampled_from(WORDS.split(",")) | TEXT.filter(lambda text: text and not set(text) & set("\ud800?#"))
NAMES = st.sampled_from(["offset", "num", "tags", "filter", "fields", "lifetime", "limited"])
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Accept": st.sampled_from(["application/json", "application/octet-stream", "text/plain", "", "*/*"]),
        "Content-Type": st.sampled_from(["application/json", "application/octet-stream", "", "x"]),
        "Range": st.sampled_from(
            ["bytes=0-", "bytes=-1", "bytes=5-2", "bytes=9" + "9" * 5000 + "-", "bytes=0-99999999999999999999", "bytes=-", "x"]
        ),
        "X-UNICORE-User-Preferences": st.sampled_from(["group:root", "uid:x,group:,role", ",,", "group:" + "x" * 500]),
        "X-UNICORE-SecuritySession": st.text("0123456789abcdef-", min_size=1, max_size=36),
        "Authorization": st.sampled_from(["Basic", "Basic !!!", "Bearer", "Bearer a.b.c", "Negotiate x", "Bearer " + "x" * 5000]),
    },
)
REQUESTS = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["GET", "PUT", "POST"]),
        "start": st.sampled_from(["", "job", "storage", "file"]),
        "segments": st.lists(SEGMENTS, max_size=5),
        "body": OBJECTS | st.binary(max_size=50),
        "headers": HEADERS,
        "user": st.sampled_from([("esd", "geheim"), OTHER, None]),
        "query": st.dictionaries(NAMES, TEXT, max_size=2),
    }
)
EXPECTED = {200, 201, 204, 206, 400, 403, 404, 405, 406, 413, 415, 416, 432, 500}


@pytest.fixture
def job(http):
    """A job that waits, with a file in its directory."""
    location = http.post("jobs", json={"haveClientStageIn": "true"}).headers["Location"]
    http.begin()
    storage = f"{location.replace('/jobs/', '/storages/')}-uspace"
    http.put(f"{storage}/files/file", content=b"content", headers={"Content-Type": "application/octet-stream"})
    return location


@SLOW
@given(asked=REQUESTS)
def test_requests_of_all_kinds_are_answered(http, job, asked):
    """500 is an answer too, but only with the kernel's words for what is wrong with a file."""
    storage = f"{job.replace('/jobs/', '/storages/')}-uspace"
    bases = {"": "https://127.0.0.1/LOCAL/rest/core", "job": job, "storage": storage, "file": f"{storage}/files"}
    body, headers, url = asked["body"], asked["headers"], "/".join((bases[asked["start"]], *map(quote, asked["segments"])))
    if isinstance(body, dict):
        body = json.dumps({**body, "haveClientStageIn": "true"}).encode()
    query = {name: value.encode(errors="replace").decode() for name, value in asked["query"].items()}
    by_hand = {"Authorization", "X-UNICORE-SecuritySession"} & set(headers)
    reply = http.send(asked["method"], url, content=body, headers=headers, params=query, auth=None if by_hand else asked["user"])
    assert reply.status_code in EXPECTED
    if reply.status_code == 500:
        assert "Internal error" not in reply.json()["errorMessage"], reply.text
