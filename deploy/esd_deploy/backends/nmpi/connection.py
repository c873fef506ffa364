"""A neuromorphic job queue (EBRAINS NMPI, version 3): the only module that knows its words, states and errors.

This uses the REST interface. The service's own client waits without a time limit, keeps the token in a file that others can read, and
writes results to whatever path the server names.
"""

import re
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import httpx

from esd_build.data.errors import ToolError, UsageError
from esd_build.net.addresses import origin
from esd_build.net.allowance import FILE, allowed
from esd_build.net.answers import printable
from esd_deploy.backends.connection import (
    FAILED,
    SUCCESSFUL,
    AwayError,
    ConnectionLostError,
    GoneError,
    JobState,
    Passage,
    RefusedError,
    RemoteFile,
)
from esd_deploy.backends.nmpi.answers import JOB, JOBS, Answer, JobAnswer, read
from esd_deploy.backends.nmpi.outputs import Output, outputs
from esd_deploy.backends.nmpi.refusals import NotThereError, meaning, said
from esd_deploy.inputs.content import Content
from esd_deploy.net.http import client, followed
from esd_deploy.plans.job import JobDescription, JobSpec, SiteJob
from esd_deploy.sites.endpoint import Endpoint
from esd_deploy.sites.oidc import IssuerAwayError

LOG = "stdout"
"""The job's log, as a file among its results."""
_JOB_URL = re.compile(r"https://[^?#]+/jobs/[0-9]+")
_SIZES_S = 60
"""For so many seconds results are asked how large they are; the sizes of the others are not known before they come."""
_PAGE = 100
_LOG_MOST = 256 * 1024**2
"""Bytes of a log that are read to find its end; a log without one is left there."""
_LOG_END = 64 * 1024
"""Bytes of a failed job's log that are read at once."""
_PLAIN = {"Accept-Encoding": "identity"}
"""For results: the announced length must be that of the file, not of a compressed transfer."""
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
        """Connect; TLS is always verified. The first request shows whether the queue knows the user."""
        return cls(endpoint, client(endpoint.ca_file))

    def script_job(self, spec: JobSpec) -> SiteJob:
        raise UsageError(f"site '{spec.site.name}' is a neuromorphic queue: it runs no shell scripts; name a site of kind unicore")

    def batch_names(self, description: JobDescription, job: str) -> Sequence[str]:  # noqa: ARG002 - as the port has it
        """None: users of a queue cannot ask the batch system behind it."""
        return ()

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
        """Nothing to do: a queue's job needs no start."""

    def state(self, job: str) -> JobState:
        answer = self._job(job)
        status = _STATES.get(answer.status, FAILED if answer.status in _ENDS else "")
        if not status:
            raise ToolError(f"{self._endpoint.url} reports for {job} the state '{answer.status}', which queues do not define")
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
        """All results, and the log, whose length is unknown in advance."""
        end = time.monotonic() + _SIZES_S
        found = []
        for path, one in outputs(self._job(job), self._endpoint.url).items():
            ask = one.size is None and not one.problem and time.monotonic() < end
            found.append(RemoteFile(path, self._size(one) if ask else one.size, sha1=one.sha1, problem=one.problem))
        return (*found, *([] if LOG in {file.path for file in found} else [RemoteFile(LOG, None)]))

    @contextmanager
    def read(self, job: str, path: str, offset: int = 0) -> Iterator[Iterator[bytes]]:
        output = outputs(self._job(job), self._endpoint.url).get(path)
        url, what = (output.url, f"the result '{path}'") if output else (f"{job}/log", f"{job}: its log")
        ask = followed(self._http, "GET", url, lambda one: _PLAIN | self._headers(one, offset))
        with self._errors(), allowed(FILE), ask as response:
            self._check(response, what)
            if _encoded(response):
                raise ToolError(f"the server compresses {what} although that was not requested; fetch it yourself from {url}")
            yield _from(response.iter_bytes(), offset if response.status_code == httpx.codes.OK else 0)

    def passage(self, job: str, host: str, port: int) -> Passage:
        raise UsageError(f"{job}: a neuromorphic queue forwards no ports ({host}:{port} cannot be reached); name a run at a UNICORE site")

    def abort(self, job: str) -> None:
        """The queue's interface does not let users cancel jobs. Does nothing for a job that has ended."""
        if not self.state(job).ended:
            raise UsageError(f"{job}: users cannot cancel jobs of a neuromorphic queue; it ends by itself, or at its timeout")

    def delete(self, job: str) -> None:
        try:
            self._ask("DELETE", self._known(job))
        except GoneError:
            return

    def _job(self, job: str) -> JobAnswer:
        return read(self._get(self._known(job), params={"with_log": "false"}), JOB)

    def _log_end(self, job: str) -> str:
        """The end of the log, which may be long; empty if it no longer exists."""
        end = b""
        with suppress(GoneError), self.read(job, LOG) as pieces:
            left = _LOG_MOST
            for piece in pieces:
                end = (end + piece)[-_LOG_END:]
                left -= len(piece)
                if left < 0:
                    break
        return end.decode("utf-8", errors="replace")

    def _size(self, output: Output) -> int | None:
        """In bytes; None if unknown or not available just now: then the request for the result itself says why."""
        ask = followed(self._http, "HEAD", output.url, lambda one: _PLAIN | self._headers(one, 0))
        with suppress(ConnectionLostError, GoneError, RefusedError), self._errors(), ask as response:
            self._check(response, f"the result {output.url}")
            length = response.headers.get("content-length", "")
            return int(length) if length.isdecimal() and not _encoded(response) else None
        return None

    def _known(self, job: str) -> str:
        """The address of a job, which must be one of this queue: a record may name any."""
        if origin(job) != origin(self._endpoint.url) or not _JOB_URL.fullmatch(job):
            raise UsageError(
                f"{printable(job, 200)} is not the address of a job of the queue {self._endpoint.url}; nothing was asked there"
            )
        return job

    def _url(self, job: JobAnswer) -> str:
        return self._own(f"/jobs/{job.id}")

    def _own(self, path: str) -> str:
        return path if path.startswith("https://") else f"{self._endpoint.url.rstrip('/')}{path}"

    def _get(self, path: str, **options: object) -> Answer:
        return self._ask("GET", self._own(path), **options)

    def _ask(self, method: str, url: str, **options: object) -> Answer:
        """One request to the queue; a refused token is renewed once."""
        with self._errors():
            response = self._http.request(method, url, headers=self._headers(url, 0), **options)  # type: ignore[arg-type]  # passed through
            if response.status_code == httpx.codes.UNAUTHORIZED and self._endpoint.credentials.renew():
                response = self._http.request(method, url, headers=self._headers(url, 0), **options)  # type: ignore[arg-type]  # as above
            self._check(response, url)
        return Answer(response, self._endpoint.url)

    def _headers(self, url: str, offset: int) -> dict[str, str]:
        """Only the queue gets the token, not the servers that hold results."""
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
            raise ToolError(f"{self._endpoint.url}: cannot send a header; does the token contain a line break?") from error
        except httpx.TransportError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise ToolError(
                    f"the certificate of {self._endpoint.url} is not trusted; correct ca_file, do not continue without ({error})"
                ) from error
            raise ConnectionLostError(
                f"{self._endpoint.url} does not answer ({error or type(error).__name__}); {self._endpoint.hint}"
            ) from error
        except httpx.InvalidURL as error:
            raise ToolError(f"{self._endpoint.url}: not an address ({error})") from error


def _encoded(response: httpx.Response) -> bool:
    return str(response.headers.get("content-encoding", "identity")).lower() != "identity"


def _from(pieces: Iterator[bytes], offset: int) -> Iterator[bytes]:
    """Skip the first `offset` bytes: for a server that sends everything although a part was requested."""
    for piece in pieces:
        if offset < len(piece):
            yield piece[offset:]
        offset = max(0, offset - len(piece))
