"""What is asked of a neuromorphic job queue, one question a function; each gives what was answered, masked."""

from collections.abc import Callable
from typing import Any

import httpx
from tests.contract.queue_web import QueueWeb, answer, masked

Probe = Callable[[QueueWeb], Any]
PROBES: dict[str, Probe] = {}

RESULT = {"code": "import os\nos.makedirs('out')\nopen('out/a b.txt', 'w').write('seven')\nprint('said é')\n", "tags": ["beta", "alpha"]}
FAILING = {"code": "print('before')\nraise ValueError('no such network')\n"}


def probe(question: Probe) -> Probe:
    """Registers a question under its function's name."""
    PROBES[question.__name__.replace("_", " ")] = question
    return question


def _waiting(web: QueueWeb) -> int:
    """A job that is only looked at."""
    return web.number("waiting", code="print(1)", tags=["gamma", "beta"], hardware_config={"timeout": 1})


# --- who is asking


@probe
def about(web: QueueWeb) -> Any:
    return answer(web.anonymous.get("/"), "version", "status")


@probe
def without_login(web: QueueWeb) -> Any:
    return {path: answer(web.anonymous.get(path)) for path in ("/jobs/", "/jobs/1", "/projects/", "/collabs/", "/tags/")}


@probe
def submit_without_login(web: QueueWeb) -> Any:
    return answer(web.anonymous.post("/jobs/", json={"code": "1", "collab": "demo", "hardware_platform": "Demo"}))


@probe
def a_token_that_is_none(web: QueueWeb) -> Any:
    return answer(web.anonymous.get("/jobs/", headers={"Authorization": "Bearer nonsense"}))


# --- submitting


@probe
def submit(web: QueueWeb) -> Any:
    response = web.submit(tags=["beta", "alpha"], hardware_config={"timeout": 1})
    return answer(response, "hardware_config", "resource_uri")


@probe
def submit_the_least(web: QueueWeb) -> Any:
    return answer(web.submit(command=None))


@probe
def submit_with_empty_settings(web: QueueWeb) -> Any:
    return answer(web.submit(hardware_config={}, tags=[], input_data=[]))


@probe
def submit_an_unknown_field(web: QueueWeb) -> Any:
    return answer(web.submit(nonsense=1))


@probe
def submit_input_data(web: QueueWeb) -> Any:
    return answer(web.submit(input_data=[{"url": "https://127.0.0.1:1/x.txt"}]), "url")


@probe
def submit_bad_input_data(web: QueueWeb) -> Any:
    return answer(web.submit(input_data=[{"path": "x"}]))


@probe
def submit_a_short_tag(web: QueueWeb) -> Any:
    return answer(web.submit(tags=["a"]))


@probe
def submit_no_collab(web: QueueWeb) -> Any:
    return answer(web.submit(collab=None))


@probe
def submit_less_than_needed(web: QueueWeb) -> Any:
    return answer(web.ask("POST", "/jobs/", json={"code": "x"}))


@probe
def submit_another_type(web: QueueWeb) -> Any:
    return answer(web.submit(code=1))


@probe
def submit_to_a_collab_that_is_not_there(web: QueueWeb) -> Any:
    return answer(web.submit(collab="nowhere"))


@probe
def submit_to_a_collab_of_an_odd_name(web: QueueWeb) -> Any:
    return answer(web.submit(collab="a/b"))


@probe
def submit_without_quota(web: QueueWeb) -> Any:
    return answer(web.submit(collab="no-quota"))


@probe
def submit_to_an_unknown_platform(web: QueueWeb) -> Any:
    return answer(web.submit(hardware_platform="Loihi"))


@probe
def submit_no_json(web: QueueWeb) -> Any:
    return answer(web.ask("POST", "/jobs/", content=b"{", headers={"Content-Type": "application/json"}))


# --- one job


@probe
def a_new_job(web: QueueWeb) -> Any:
    response = web.ask("GET", f"/jobs/{_waiting(web)}", params={"with_log": "false"})
    found: dict[str, Any] = answer(response)
    body: dict[str, object] = found["body"]
    return {name: value for name, value in body.items() if name not in {"status", "timestamp_completion", "resource_usage"}}


@probe
def no_such_job(web: QueueWeb) -> Any:
    paths = ("", "/log", "/output_data", "/comments", "/tags/")
    return {path: answer(web.ask("GET", f"/jobs/999999999{path}")) for path in paths}


@probe
def no_number(web: QueueWeb) -> Any:
    return answer(web.ask("GET", "/jobs/abc"))


@probe
def a_finished_job(web: QueueWeb) -> Any:
    number = web.ended("result", **RESULT)
    return answer(web.ask("GET", f"/jobs/{number}"), "path", "size", "hash")


@probe
def a_finished_job_with_all(web: QueueWeb) -> Any:
    number = web.ended("result", **RESULT)
    return answer(web.ask("GET", f"/jobs/{number}", params={"with_log": "true", "with_comments": "true"}), "log", "path")


@probe
def the_log(web: QueueWeb) -> Any:
    return answer(web.ask("GET", f"/jobs/{web.ended('result', **RESULT)}/log"))


@probe
def the_results(web: QueueWeb) -> Any:
    found = web.ask("GET", f"/jobs/{web.ended('result', **RESULT)}/output_data")
    return {**answer(found, "path", "size"), "bytes": [web.anonymous.get(file["url"]).text for file in found.json()["files"]]}


@probe
def a_failed_job(web: QueueWeb) -> Any:
    number = web.ended("failing", **FAILING)
    log = web.ask("GET", f"/jobs/{number}/log").text
    return {**answer(web.ask("GET", f"/jobs/{number}")), "log": ["before" in log, "ValueError: no such network" in log]}


@probe
def results_of_a_job_without(web: QueueWeb) -> Any:
    return answer(web.ask("GET", f"/jobs/{web.ended('failing', **FAILING)}/output_data"))


@probe
def a_command_that_leads_out(web: QueueWeb) -> Any:
    number = web.ended("out", command="../x.py")
    return {"status": web.ask("GET", f"/jobs/{number}").json()["status"]}


# --- tags and comments


@probe
def tags_of_a_job(web: QueueWeb) -> Any:
    path = f"/jobs/{_waiting(web)}/tags/"
    steps = (("POST", ["omega", "beta"]), ("DELETE", ["omega"]), ("POST", ["x"]), ("POST", {"a": 1}))
    said = [answer(web.ask(method, path, json=tags)) for method, tags in steps]
    return [*said, masked(web.ask("GET", path).json())]


@probe
def comments(web: QueueWeb) -> Any:
    number = web.number("commented")
    asked = ({"content": "hello"}, {"content": ""}, {}, ["x"])
    said = [answer(web.ask("POST", f"/jobs/{number}/comments/", json=one), "content") for one in asked]
    return [*said, answer(web.ask("GET", f"/jobs/{number}/comments"), "content")]


@probe
def tags_of_a_collab(web: QueueWeb) -> Any:
    _waiting(web)
    found = web.ask("GET", "/tags/", params={"collab": "demo"}).json()
    return {"without": answer(web.ask("GET", "/tags/")), "has": "gamma" in found, "sorted": found == sorted(found)}


# --- lists


@probe
def a_list(web: QueueWeb) -> Any:
    web.ended("result", **RESULT)
    numbers = [job["id"] for job in web.ask("GET", "/jobs/").json()]
    return {"at most": len(numbers) <= 10, "newest first": numbers == sorted(numbers, reverse=True)}


@probe
def a_list_by_tag_and_status(web: QueueWeb) -> Any:
    number = web.ended("result", **RESULT)
    found = [web.ask("GET", "/jobs/", params={"tags": tag, "status": "finished", "size": 100}).json() for tag in ("alpha", "nobody's")]
    return {"has": number in [job["id"] for job in found[0]], "all have": all("alpha" in job["tags"] for job in found[0]), "none": found[1]}


@probe
def a_list_in_pages(web: QueueWeb) -> Any:
    web.ended("result", **RESULT)
    web.ended("failing", **FAILING)
    whole = [job["id"] for job in web.ask("GET", "/jobs/", params={"size": 4}).json()]
    pages = [web.ask("GET", "/jobs/", params={"size": 2, "from_index": start}).json() for start in (0, 2)]
    return {"same": whole == [job["id"] for page in pages for job in page], "none": web.ask("GET", "/jobs/", params={"size": 0}).json()}


@probe
def lists_that_cannot_be(web: QueueWeb) -> Any:
    asked = ({"status": "nonsense"}, {"size": "many"}, {"collab": "nowhere"}, {"user_id": "somebody"}, {"user_id": ["a", "b"]})
    return [answer(web.ask("GET", "/jobs/", params=one)) for one in asked]


@probe
def without_slash(web: QueueWeb) -> Any:
    response = web.ask("GET", "/jobs", params={"size": 1})
    return {"status": response.status_code, "to": masked(httpx.URL(response.headers["location"]).raw_path.decode())}


# --- grants


@probe
def collaboratories(web: QueueWeb) -> Any:
    return answer(web.ask("GET", "/collabs/")) | {"all": web.ask("GET", "/collabs/").json()}


@probe
def grants(web: QueueWeb) -> Any:
    found = answer(web.ask("GET", "/projects/", params={"collab": "demo", "status": "accepted"}), "platform", "collab", "units")
    found["body"][0]["quotas"] = found["body"][0]["quotas"][:1]
    return found


@probe
def grants_of_a_collab_that_is_not_there(web: QueueWeb) -> Any:
    return answer(web.ask("GET", "/projects/", params={"collab": "nowhere"}))


@probe
def length_of_the_queues(web: QueueWeb) -> Any:
    found = web.anonymous.get("/statistics/queue-length")
    return answer(found) | {"names": [queue["queue_name"] for queue in found.json()]}


# --- machines


@probe
def what_is_for_machines(web: QueueWeb) -> Any:
    number = _waiting(web)
    asked = (("GET", "/jobs/next/Demo", None), ("PUT", f"/jobs/{number}", {"status": "finished"}), ("PUT", f"/jobs/{number}/log", "x"))
    return [answer(web.ask(method, path, json=body)) for method, path, body in asked]


# --- removing


@probe
def remove(web: QueueWeb) -> Any:
    number = web.ended("to remove")
    gone = answer(web.ask("DELETE", f"/jobs/{number}"))
    listed = [job["id"] for job in web.ask("GET", "/jobs/", params={"size": 100}).json()]
    return {"answer": gone, "job": answer(web.ask("GET", f"/jobs/{number}")), "listed": number in listed}


@probe
def remove_what_is_not_there(web: QueueWeb) -> Any:
    return answer(web.ask("DELETE", "/jobs/999999999"))
