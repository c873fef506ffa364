"""A neuromorphic job queue (EBRAINS NMPI, version 3): the only module that knows its words, states and errors.

This speaks the REST interface. The service's own client waits without a time limit, keeps the token in a file that others can read, and
writes results to whatever path the server names.
"""

import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import httpx

from esd_build.data.errors import ToolError, UsageError
from esd_build.net.addresses import origin
from esd_build.net.allowance import FILE, allowed
from esd_deploy.backends import nmpi_job
from esd_deploy.backends.connection import (
    FAILED,
    SUCCESSFUL,
    AwayError,
    Connection,
    ConnectionLostError,
    GoneError,
    JobState,
    RefusedError,
    RemoteFile,
)
from esd_deploy.backends.nmpi_answers import JOB, JOBS, Answer, JobAnswer, read
from esd_deploy.backends.nmpi_outputs import Output, outputs
from esd_deploy.backends.nmpi_refusals import NotThereError, meaning, said
from esd_deploy.net.http import client, followed
from esd_deploy.plans.content import Content
from esd_deploy.plans.job import JobDescription, JobSpec, SiteJob
from esd_deploy.plans.plan import Plan
from esd_deploy.sites.endpoint import Endpoint
from esd_deploy.sites.oidc import IssuerAwayError

LOG = "stdout"
"""The job's log, as a file among its results."""
_PAGE = 100
_LOG_END = 64 * 1024
"""Bytes of a failed job's log that are read at once."""
_PLAIN = {"Accept-Encoding": "identity"}
"""For results: the length that is told shall be that of the file, not of what a server made of it for the way."""
_STATES = {"submitted": "QUEUED", "validated": "QUEUED", "mapped": "QUEUED", "running": "RUNNING", "finished": SUCCESSFUL}
_ENDS = {"error": "the queue reports an error", "removed": "aborted: the job was removed from the queue"}


class NmpiConnection:
    """One user's connection to one queue."""

    def __init__(self, endpoint: Endpoint, http: httpx.Client) -> None:
        self._endpoint = endpoint
        self._http = http
        weakref.finalize(self, http.close)

    @classmethod
    def open(cls, endpoint: Endpoint) -> "NmpiConnection":
        """Connect; TLS is always verified. That the queue knows the user shows with the first question."""
        return cls(endpoint, client(endpoint.ca_file))

    def script_job(self, spec: JobSpec) -> SiteJob:
        raise UsageError(f"site '{spec.site.name}' is a neuromorphic queue: it runs no shell scripts; name a site of kind unicore")

    def find(self, tag: str) -> Sequence[str]:
        jobs = read(self._get("/jobs/", params={"tags": tag, "size": _PAGE}), JOBS)
        return tuple(self._url(job) for job in jobs if tag in job.tags)

    def create(self, description: JobDescription) -> str:
        job = description.document()
        try:
            return self._url(read(self._ask("POST", self._own("/jobs/"), json=job), JOB))
        except NotThereError as error:
            raise ToolError(
                f"{self._endpoint.url} takes no job for the collaboratory '{job.get('collab')}': it is not there, or you may not submit "
                f"there ({error.said})"
            ) from error

    def upload(self, job: str, path: str, content: Content) -> None:
        """Nothing to do: a queue's job carries its files with it."""

    def start(self, job: str) -> None:
        """Nothing to do: a queue's job waits for no start."""

    def state(self, job: str) -> JobState:
        answer = self._job(job)
        status = _STATES.get(answer.status, FAILED if answer.status in _ENDS else "")
        if not status:
            raise ToolError(f"{self._endpoint.url} names a state '{answer.status}' of {job} that the queue's interface does not have")
        code = {SUCCESSFUL: 0, FAILED: None if answer.status == "removed" else 1}.get(status)
        log = tuple(self._log_end(job).splitlines()[-200:]) if status == FAILED else ()
        return JobState(status, _ENDS.get(answer.status, answer.status), code, log, batch_id=str(answer.id), tags=frozenset(answer.tags))

    def details(self, job: str) -> Mapping[str, str]:
        answer = self._job(job)
        usage = answer.resource_usage
        known = {"hardware_platform": answer.hardware_platform, "submitted": answer.timestamp_submission}
        known |= {"completed": answer.timestamp_completion, "resource_usage": f"{usage.value:g} {usage.units}" if usage else None}
        return {name: value for name, value in known.items() if value}

    def files(self, job: str) -> Sequence[RemoteFile]:
        """All results, and the log: that has no length before it comes."""
        found = [
            RemoteFile(path, self._size(one) if one.size is None and not one.problem else one.size, problem=one.problem)
            for path, one in outputs(self._job(job), self._endpoint.url).items()
        ]
        return (*found, *([] if LOG in {file.path for file in found} else [RemoteFile(LOG, None)]))

    @contextmanager
    def read(self, job: str, path: str, offset: int = 0) -> Iterator[Iterator[bytes]]:
        output = outputs(self._job(job), self._endpoint.url).get(path)
        url, what = (output.url, f"the result '{path}'") if output else (f"{job}/log", f"{job}: its log")
        ask = followed(self._http, "GET", url, lambda one: _PLAIN | self._headers(one, offset))
        with self._errors(), allowed(FILE), ask as response:
            self._check(response, what)
            if _encoded(response):
                raise ToolError(f"{what} comes compressed although it was asked for uncompressed; fetch it yourself from {url}")
            yield _from(response.iter_bytes(), offset if response.status_code == httpx.codes.OK else 0)

    def abort(self, job: str) -> None:
        """The queue's interface has no cancelling by users; nothing happens to a job that has ended."""
        if not self.state(job).ended:
            raise UsageError(f"{job}: a neuromorphic queue's jobs cannot be cancelled by their user; it ends by itself, or at its timeout")

    def delete(self, job: str) -> None:
        try:
            self._ask("DELETE", job)
        except GoneError:
            return

    def _job(self, job: str) -> JobAnswer:
        return read(self._get(job, params={"with_log": "false"}), JOB)

    def _log_end(self, job: str) -> str:
        """The last words of the log, which may be long; nothing where there is none any more."""
        end = b""
        with suppress(GoneError), self.read(job, LOG) as pieces:
            for piece in pieces:
                end = (end + piece)[-_LOG_END:]
        return end.decode("utf-8", errors="replace")

    def _size(self, output: Output) -> int | None:
        """In bytes; None where it is not told, or cannot be fetched just now: then the result itself is asked for, which says why."""
        ask = followed(self._http, "HEAD", output.url, lambda one: _PLAIN | self._headers(one, 0))
        with suppress(ConnectionLostError, GoneError, RefusedError), self._errors(), ask as response:
            self._check(response, f"the result {output.url}")
            length = response.headers.get("content-length", "")
            return int(length) if length.isdecimal() and not _encoded(response) else None
        return None

    def _url(self, job: JobAnswer) -> str:
        return self._own(f"/jobs/{job.id}")

    def _own(self, path: str) -> str:
        return path if path.startswith("https://") else f"{self._endpoint.url.rstrip('/')}{path}"

    def _get(self, path: str, **options: object) -> Answer:
        return self._ask("GET", self._own(path), **options)

    def _ask(self, method: str, url: str, **options: object) -> Answer:
        """One question to the queue; a token that is refused is renewed once."""
        with self._errors():
            response = self._http.request(method, url, headers=self._headers(url, 0), **options)  # type: ignore[arg-type]  # passed through
            if response.status_code == httpx.codes.UNAUTHORIZED and self._endpoint.credentials.renew():
                response = self._http.request(method, url, headers=self._headers(url, 0), **options)  # type: ignore[arg-type]  # as above
            self._check(response, url)
        return Answer(response, self._endpoint.url)

    def _headers(self, url: str, offset: int) -> dict[str, str]:
        """The token goes to the queue only, not to where results lie."""
        ours = origin(url) == origin(self._endpoint.url)
        token = {"Authorization": f"Bearer {self._endpoint.credentials.bearer()}"} if ours else {}
        return {**token, **({"Range": f"bytes={offset}-"} if offset else {})}

    def _check(self, response: httpx.Response, what: str) -> None:
        if response.is_success:
            return
        response.read()
        raise meaning(response.status_code, said(response), what, self._endpoint)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except IssuerAwayError as error:
            raise AwayError(str(error)) from error
        except httpx.LocalProtocolError as error:  # its text quotes the header, and so the secret
            raise ToolError(f"{self._endpoint.url}: a header cannot be sent; does the token hold a line break?") from error
        except httpx.TransportError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise ToolError(
                    f"the certificate of {self._endpoint.url} is not trusted; correct ca_file, do not go on without ({error})"
                ) from error
            raise ConnectionLostError(
                f"{self._endpoint.url} does not answer ({error or type(error).__name__}); {self._endpoint.hint}"
            ) from error
        except httpx.InvalidURL as error:
            raise ToolError(f"{self._endpoint.url}: not an address ({error})") from error


def _encoded(response: httpx.Response) -> bool:
    return str(response.headers.get("content-encoding", "identity")).lower() != "identity"


def _from(pieces: Iterator[bytes], offset: int) -> Iterator[bytes]:
    """What follows the first `offset` bytes: for a server that sends all though a part was asked for."""
    for piece in pieces:
        if offset < len(piece):
            yield piece[offset:]
        offset = max(0, offset - len(piece))


class NmpiBackend:
    """`kind: nmpi`: how a run becomes a job of a neuromorphic queue."""

    def connect(self, endpoint: Endpoint) -> Connection:
        return NmpiConnection.open(endpoint)

    def run_job(self, plan: Plan) -> SiteJob:
        return SiteJob(nmpi_job.description(plan), plan.own_files)


BACKEND = NmpiBackend()
