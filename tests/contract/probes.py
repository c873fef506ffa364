"""What is asked of a UNICORE endpoint, one question a function; each gives what was answered, masked. They need no job that takes long."""

import time
from collections.abc import Callable
from typing import Any

import httpx
from pyunicore import client, credentials
from tests.contract.web import BYTES, JSON, SESSION, UPLOAD, Web, error, plain

Probe = Callable[[Web], Any]
PROBES: dict[str, Probe] = {}
FACTORY = "factories/default_target_system_factory"
_RANGES = ("bytes=2-4", "bytes=8-20", "bytes=-3", "bytes=10-", "nonsense")
_UPGRADE = {"Connection": "Upgrade", "Upgrade": "UNICORE-Socket-Forwarding"}
_SHORT = {"Executable": "true", "Job type": "ON_LOGIN_NODE"}


def probe(question: Probe) -> Probe:
    """Registers a question under its function's name."""
    PROBES[question.__name__.replace("_", " ")] = question
    return question


# --- tunnels


@probe
def port_forwarding(web: Web) -> Any:
    """Of a job on the login node, which has a number at once; a port that nobody listens on is opened all the same."""
    waiting = web.submit({**_SHORT, "haveClientStageIn": "true"})
    job = web.submit({**_SHORT, "Executable": "sleep 60"})
    try:
        until = time.monotonic() + 60
        while web.json(job)["batchSystemID"] == "N/A" and time.monotonic() < until:
            time.sleep(0.5)
        queries = ("port=1", "", "port=abc", "port=-1", "port=1&host=nosuch.invalid", "port=1&loginNode=nosuch")
        return {
            "not submitted": web.masked(tunnelled(web, f"{waiting}/forward-port?port=1")),
            "plain": web.masked(plain(web.ask("GET", f"{job}/forward-port?port=1"))),
            "anonymous": plain(web.anonymous.get(f"{job}/forward-port?port=1", headers=_UPGRADE)),
            **{query: web.masked(tunnelled(web, f"{job}/forward-port?{query}")) for query in queries},
        }
    finally:
        for one in (waiting, job):
            web.ask("DELETE", one)


def tunnelled(web: Web, url: str) -> dict[str, object]:
    """What a request for a tunnel gets; of one that opens, the header that says so and what comes out of it."""
    with web.known.stream("GET", url, headers=_UPGRADE) as answer:
        if answer.status_code != httpx.codes.SWITCHING_PROTOCOLS:
            answer.read()
            return plain(answer)
        stream = answer.extensions["network_stream"]
        return {"status": 101, "upgrade": answer.headers["Upgrade"], "bytes": stream.read(100, timeout=30).decode()}


# --- who is asking


@probe
def core(web: Web) -> Any:
    found = web.json("")
    keys = {name: sorted(found[name]) for name in ("client", "server", "_links")}
    return {
        **keys,
        "role": found["client"]["role"],
        "xlogin": sorted(found["client"]["xlogin"]),
        "submission": found["server"]["jobSubmission"],
    }


@probe
def name_of_the_caller(web: Web) -> Any:
    found = web.json("")["client"]
    login = found["xlogin"]
    names = {"uid": login["UID"], "groups": login["availableGroups"], "group": login["group"]}
    return web.masked({"method": found["authenticationMethod"], "dn": found["dn"], **names})


@probe
def registry(web: Web) -> Any:
    answer = web.anonymous.get(f"{web.base}/rest/registries/default_registry").json()
    return web.masked({"entries": sorted((entry["type"], entry["href"]) for entry in answer["entries"]), "keys": sorted(answer)})


@probe
def anonymous_core(web: Web) -> Any:
    return plain(web.anonymous.get(f"{web.core}?fields=client"))


@probe
def anonymous_lists(web: Web) -> Any:
    kinds = ("jobs", "storages", "factories", "sites", "transfers")
    return web.masked({kind: plain(web.anonymous.get(web.url(kind))) for kind in kinds})


@probe
def anonymous_session(web: Web) -> Any:
    return {"session": SESSION in web.anonymous.get(web.core).headers}


@probe
def anonymous_submit(web: Web) -> Any:
    return plain(web.anonymous.post(web.url("jobs"), content="{}"))


@probe
def anonymous_factory(web: Web) -> Any:
    return {"status": web.anonymous.get(web.url(FACTORY)).status_code}


@probe
def wrong_password(web: Web) -> Any:
    return plain(httpx.get(web.core, verify=web.place.tls, headers=JSON, auth=(web.place.username, "wrong")))


@probe
def unknown_session(web: Web) -> Any:
    return plain(web.ask("GET", "", headers={SESSION: "00000000-0000-0000-0000-000000000000"}))


@probe
def sessions_are_forgotten(web: Web) -> Any:
    made = [web.ask("GET", "").headers[SESSION] for _ in range(30)]
    last, first = (web.anonymous.get(web.core, headers={SESSION: session}).status_code for session in (made[-1], made[0]))
    return {"first": first, "last": last}


@probe
def token(web: Web) -> Any:
    answer = web.ask("GET", "token?lifetime=10", headers={"Accept": "text/plain"})
    return {"status": answer.status_code, "type": answer.headers["content-type"].partition(";")[0], "parts": answer.text.count(".")}


# --- lists and documents


@probe
def page_links(web: Web) -> Any:
    kept = [web.submit({"Tags": ["paged"]}) for _ in range(3)]
    pages = [web.json(f"jobs?tags=paged&{query}") for query in ("num=1", "offset=1&num=1", "offset=2&num=1", "num=200")]
    for job in kept:
        web.ask("DELETE", job)
    return web.masked([{"n": len(page["jobs"]), "links": page["_links"]} for page in pages])


@probe
def negative_page(web: Web) -> Any:
    return web.masked(plain(web.ask("GET", "jobs?offset=-1&num=2")))


@probe
def page_no_number(web: Web) -> Any:
    return plain(web.ask("GET", "jobs?offset=x"))


@probe
def factories(web: Web) -> Any:
    return web.masked(web.json("factories"))


@probe
def factory(web: Web) -> Any:
    found = web.json(FACTORY)
    return {
        "keys": sorted(found),
        "links": sorted(found["_links"]),
        "applications": sorted(found["applications"]),
        "resources": {name: found["resources"]["batch"][name] for name in ("Nodes", "Runtime")},
        "reservation": found["supportsReservation"],
    }


@probe
def applications(web: Web) -> Any:
    return {
        "list": sorted(web.json(f"{FACTORY}/applications")["applications"]),
        "one": web.json(f"{FACTORY}/applications/Bash shell---v5.1"),
    }


@probe
def unknown_application(web: Web) -> Any:
    return {"status": web.ask("GET", f"{FACTORY}/applications/Nothing---v1").status_code}


@probe
def site(web: Web) -> Any:
    web.ask("DELETE", web.submit({}))  # the first job makes the first site
    urls = web.json("sites")["sites"]
    found = web.json(urls[0])
    return {"n": len(urls), "keys": sorted(found), "links": sorted(found["_links"]), "umask": found["umask"]}


@probe
def site_takes_jobs(web: Web) -> Any:
    web.ask("DELETE", web.submit({}))
    url = web.json("sites")["sites"][0]
    answer = web.ask("POST", url, {"Tags": ["at-the-site"]})
    job = answer.headers["Location"]
    listed = web.json(f"{url}/jobs")["jobs"]
    parent = web.json(job)["_links"]["parentTSS"]["href"]
    web.ask("DELETE", job)
    return {"status": answer.status_code, "job": web.masked(job + "/"), "listed": job in listed, "parent": parent == url}


@probe
def made_site(web: Web) -> Any:
    answer = web.ask("POST", "sites", {})
    url = answer.headers["Location"]
    return {"made": answer.status_code, "then": web.ask("GET", url).status_code, "deleted": web.ask("DELETE", url).status_code}


@probe
def lists_of_all_kinds(web: Web) -> Any:
    kinds = ("storages", "transfers", "client-server-transfers", "tasks", "reservations")
    return web.masked({kind: sorted(web.json(kind)) for kind in kinds})


@probe
def home(web: Web) -> Any:
    found = web.json("storages/HOME")
    return {"keys": sorted(found), "links": sorted(found["_links"]), "umask": found["umask"], "usable": found["usableSpace"]}


@probe
def nothing_there(web: Web) -> Any:
    paths = ("jobs/nothing", "storages/nothing", "sites/nothing", "transfers/nothing", "nothing")
    return {path: plain(web.ask("GET", path)) for path in paths}


# --- submission


@probe
def bad_json(web: Web) -> Any:
    return error(web.ask("POST", "jobs", content="{nonsense"))


@probe
def no_object(web: Web) -> Any:
    return error(web.ask("POST", "jobs", []))


@probe
def not_json(web: Web) -> Any:
    return plain(web.ask("POST", "jobs", content="x", headers={"Content-Type": "text/plain"}))


@probe
def single_quotes(web: Web) -> Any:
    answer = web.ask("POST", "jobs", content="{'Executable': 'true', 'Job type': 'ON_LOGIN_NODE'}")
    web.ask("DELETE", answer.headers["Location"])
    return {"status": answer.status_code}


@probe
def folder_of_a_new_job(web: Web) -> Any:
    job = web.submit({"haveClientStageIn": "true"})
    first = web.json(web.folder(job))["resourceStatus"]
    deadline = time.monotonic() + 20
    while web.json(web.folder(job))["resourceStatus"] != "READY" and time.monotonic() < deadline:
        time.sleep(0.05)
    last = web.json(web.folder(job))["resourceStatus"]
    web.ask("DELETE", job)
    return {"first": first in {"INITIALIZING", "READY"}, "last": last}


@probe
def pyunicore_client(web: Web) -> Any:
    transport = client.Transport(credentials.UsernamePassword(web.place.username, web.place.password), verify=web.place.tls)
    here = client.Client(transport, web.core)
    made = here.new_job(dict(_SHORT), inputs=[])
    made.poll(timeout=120)
    sites = client.Registry(transport, f"{web.base}/rest/registries/default_registry").site_urls
    seen = {"ended": str(made.status), "output": made.working_dir.stat("stdout").read().decode(), "sites": len(sites)}
    made.delete()
    return seen


# --- a job that has ended


def _ended(web: Web, description: dict[str, object]) -> str:
    job, deadline = web.submit(description), time.monotonic() + 200
    while web.json(job)["status"] not in {"SUCCESSFUL", "FAILED"} and time.monotonic() < deadline:
        time.sleep(0.2)
    return job


@probe
def job_document(web: Web) -> Any:
    job = _ended(web, {"Executable": "true", "Name": "probe", "Tags": ["a"]})
    found = web.json(job)
    web.ask("DELETE", job)
    values = {name: found[name] for name in ("name", "tags", "jobType", "queue", "resourceStatus", "status", "exitCode", "owner")}
    return web.masked({"keys": sorted(found), "links": sorted(found["_links"]), "consumed": sorted(found["consumedTime"]), **values})


@probe
def job_document_before_it_begins(web: Web) -> Any:
    job = web.submit({"Executable": "true", "haveClientStageIn": "true"})
    time.sleep(1)
    found = web.json(job)
    web.ask("DELETE", job)
    return {name: found.get(name) for name in ("name", "batchSystemID", "queue", "statusMessage", "exitCode", "consumedTime", "status")}


EVERY_SLURM = {"Account", "AccrueTime", "AllocNode:Sid", "BatchFlag", "BatchHost", "CPUs/Task"}
"""Details are what the machine's own Slurm prints, and each version prints other things beside these."""


@probe
def details(web: Web) -> Any:
    job = _ended(web, {"Executable": "true"})
    answer = web.ask("GET", f"{job}/details")
    web.ask("DELETE", job)
    return {"status": answer.status_code, "state": answer.json()["JobState"], "keys": sorted(EVERY_SLURM & answer.json().keys())}


@probe
def details_without_a_batch_job(web: Web) -> Any:
    job = _ended(web, {})
    answer = plain(web.ask("GET", f"{job}/details"))
    web.ask("DELETE", job)
    return answer


@probe
def batch_id_on_the_login_node(web: Web) -> Any:
    job = _ended(web, dict(_SHORT))
    found = web.json(job)["batchSystemID"]
    web.ask("DELETE", job)
    return {"begins": found.partition("_")[0]}


@probe
def submitted_and_changed(web: Web) -> Any:
    job = web.submit({"Name": "x", "Tags": ["a"]})
    submitted = web.json(f"{job}/submitted")
    changed = [web.ask("PUT", job, {key: value}).json() for key, value in (("tags", ["b"]), ("nonsense", 1), ("name", "y"))]
    later = web.ask("PUT", job, {"terminationTime": "2099-01-01T00:00:00+0000"}).json()
    seen = {
        "submitted": submitted,
        "changed": changed,
        "later": later,
        "tags": web.json(job)["tags"],
        "end": web.json(job)["terminationTime"][:4],
    }
    web.ask("DELETE", job)
    return seen


@probe
def actions(web: Web) -> Any:
    job = _ended(web, {})
    said = {name: plain(web.ask("POST", f"{job}/actions/{name}", {})) for name in ("start", "abort", "nonsense")}
    web.ask("DELETE", job)
    return web.masked(said)


@probe
def restart(web: Web) -> Any:
    job = _ended(web, {"Executable": "true"})
    answer = plain(web.ask("POST", f"{job}/actions/restart", {}))
    web.ask("DELETE", job)
    return answer


@probe
def delete_job(web: Web) -> Any:
    job = web.submit({})
    return {"first": web.ask("DELETE", job).status_code, "then": web.ask("GET", job).status_code}


# --- files


@probe
def storage_document(web: Web) -> Any:
    job = _ended(web, {})
    found = web.json(web.folder(job))
    web.ask("DELETE", job)
    return web.masked({**found, "freeSpace": found["freeSpace"] > 0})


@probe
def files(web: Web) -> Any:
    job = _ended(web, {})
    folder = web.folder(job)
    path = f"{folder}/files"
    upload = web.ask("PUT", f"{path}/in/x.bin", content=b"0123456789", headers=UPLOAD).status_code
    mkdir = web.ask("POST", f"{path}/new/deep", {})
    seen = {
        "upload": upload,
        "mkdir": web.masked([mkdir.status_code, mkdir.headers.get("Location", "")]),
        "file": _properties(web.json(f"{path}/in/x.bin")),
        "directory": _properties(web.json(f"{path}/in")),
        "listed": {name: _properties(entry) for name, entry in web.json(path)["content"].items()},
        "inside": sorted(web.json(f"{path}/in")["content"]),
        "ranges": {wanted: _range(web, f"{path}/in/x.bin", wanted) for wanted in _RANGES},
        "bytes": plain(web.ask("GET", f"{path}/in/x.bin", headers=BYTES)),
        "bytes of a directory": plain(web.ask("GET", f"{path}/in", headers=BYTES)),
    }
    web.ask("DELETE", job)
    return seen


def _properties(found: dict[str, Any]) -> dict[str, Any]:
    """Without what a file system has its own way with."""
    known = {name: value for name, value in found.items() if name not in {"lastAccessed", "content", "_links", "owner", "group"}}
    return {**known, "keys": sorted(found)} if not found["isDirectory"] else {**known, "keys": sorted(found), "size": 0}


def _range(web: Web, url: str, wanted: str) -> Any:
    got = web.ask("GET", url, headers={**BYTES, "Range": wanted})
    return {"status": got.status_code, "body": got.text[:12], "range": got.headers.get("content-range")}


@probe
def files_that_are_not_there(web: Web) -> Any:
    job = _ended(web, {})
    path = f"{web.folder(job)}/files"
    seen = {
        "delete": plain(web.ask("DELETE", f"{path}/nothing")),
        "read": plain(web.ask("GET", f"{path}/nothing", headers=BYTES)),
        "list": web.ask("GET", f"{path}/nothing").status_code,
        "rename": error(web.ask("POST", f"{web.folder(job)}/actions/rename", {"from": "nothing", "to": "x"})),
    }
    web.ask("DELETE", job)
    return seen


@probe
def files_changed(web: Web) -> Any:
    job = _ended(web, {})
    folder = web.folder(job)
    web.ask("PUT", f"{folder}/files/a", content=b"abc", headers=UPLOAD)
    seen = {
        "permissions": web.ask("PUT", f"{folder}/files/a", {"permissions": "rwxr--r--"}).json(),
        "then": web.json(f"{folder}/files/a")["permissions"],
        "no permissions": web.masked(web.ask("PUT", f"{folder}/files/a", {"permissions": "nonsense"}).json()),
        "copy": plain(web.ask("POST", f"{folder}/actions/copy", {"from": "a", "to": "b"})),
        "rename": plain(web.ask("POST", f"{folder}/actions/rename", {"from": "b", "to": "c"})),
        "left": sorted(web.json(f"{folder}/files")["content"]),
        "all removed": web.ask("DELETE", f"{folder}/files").status_code,
    }
    web.ask("DELETE", job)
    return seen


@probe
def names_that_are_rewritten(web: Web) -> Any:
    job = _ended(
        web, {"Executable": "bash", "Arguments": ["-c", "\"echo a > x'$'USER.txt; echo b > plain.txt\""], "Job type": "ON_LOGIN_NODE"}
    )
    folder = web.folder(job)
    listed = sorted(name for name in web.json(f"{folder}/files")["content"] if name.endswith(".txt"))
    read = web.ask("GET", f"{folder}/files/x$USER.txt", headers=BYTES).status_code
    web.ask("DELETE", job)
    return {"listed": listed, "read": read}


@probe
def import_by_client(web: Web) -> Any:
    job = _ended(web, {})
    folder = web.folder(job)
    answer = web.ask("POST", f"{folder}/imports", {"file": "b.bin", "protocol": "BFT"})
    sent = httpx.put(answer.json()["accessURL"], content=b"abc", verify=web.place.tls).status_code
    seen = {"made": web.masked(plain(answer)), "sent": sent, "size": web.json(f"{folder}/files/b.bin").get("size")}
    web.ask("DELETE", job)
    return seen


@probe
def export_to_client(web: Web) -> Any:
    job = _ended(web, {})
    folder = web.folder(job)
    web.ask("PUT", f"{folder}/files/a.txt", content=b"hello", headers=UPLOAD)
    answer = web.ask("POST", f"{folder}/exports", {"file": "a.txt", "protocol": "BFT"})
    got = httpx.get(answer.json()["accessURL"], verify=web.place.tls)
    part = httpx.get(answer.json()["accessURL"], verify=web.place.tls, headers={"Range": "bytes=1-3"})
    seen = {"made": web.masked(plain(answer)), "got": [got.status_code, got.text], "part": [part.status_code, part.text]}
    web.ask("DELETE", job)
    return seen


@probe
def transfer(web: Web) -> Any:
    job = _ended(web, {})
    folder = web.folder(job)
    web.ask("PUT", f"{folder}/files/a.txt", content=b"hello", headers=UPLOAD)
    answer = web.ask("POST", f"{folder}/transfers", {"file": "a.txt", "target": f"{folder}/files/b.txt"})
    url, deadline = answer.headers["Location"], time.monotonic() + 60
    while (found := web.json(url))["status"] not in {"DONE", "FAILED"} and time.monotonic() < deadline:
        time.sleep(0.2)
    seen = {"made": answer.status_code, "keys": sorted(found), "links": sorted(found["_links"]), "status": found["status"]}
    web.ask("DELETE", url)
    web.ask("DELETE", job)
    return {
        **seen,
        "export": found["isExport"],
        "source": found["source"],
        "bytes": found["transferredBytes"],
        "protocol": found["protocol"],
    }
