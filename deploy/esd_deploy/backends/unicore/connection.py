"""UNICORE, through pyunicore: with http.py the only module that knows its words (UNICORE's REST API, pyunicore 2.0)."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from urllib.parse import quote

import httpx
from pyunicore.client import Client, Job, PathFile, Registry, Storage

from esd_build.data.errors import ToolError, UsageError
from esd_build.data.names import choose
from esd_build.net.allowance import altogether
from esd_build.net.answers import gathered, printable
from esd_deploy.backends import inventory
from esd_deploy.backends.connection import (
    READY,
    AwayError,
    ConnectionLostError,
    EndedError,
    GoneError,
    JobState,
    Passage,
    RefusedError,
    RemoteFile,
)
from esd_deploy.backends.unicore import answers as unicore_answers
from esd_deploy.backends.unicore import folder as unicore_folder
from esd_deploy.backends.unicore import job as unicore_job
from esd_deploy.backends.unicore import names as unicore_names
from esd_deploy.backends.unicore import passage as unicore_passage
from esd_deploy.backends.unicore.http import PooledTransport, errors
from esd_deploy.inputs.content import Content, opened
from esd_deploy.plans.job import JobDescription, JobSpec, SiteJob
from esd_deploy.sites.endpoint import Endpoint

_PAGE = 200
_MOST_JOBS = 20_000
_KEPT_FOLDERS = 256
_PIECE = 1024**2
_TRIES = 3
"""Times that a folder is asked for before the site is believed not to list it."""
_FOLDER_S = 120
_MOST_NOTED = 64 * 1024**2
_NOWHERE = frozenset({None, "", "null", "null/"})


class UnicoreConnection:
    """One user's connection to one site. Safe to use from several threads."""

    def __init__(self, endpoint: Endpoint, client: Client, transport: PooledTransport, sleep: Callable[[float], None] = time.sleep) -> None:
        self._endpoint = endpoint
        self._sleep = sleep
        self._client = client
        self._transport = transport
        self._folders: OrderedDict[str, Storage] = OrderedDict()

    @classmethod
    def open(cls, endpoint: Endpoint) -> "UnicoreConnection":
        """Connect and check that the site knows the user; TLS is always verified (pyunicore's own default is not to)."""
        transport = PooledTransport(endpoint)
        with errors(endpoint):
            url = endpoint.url if endpoint.site_name is None else _from_registry(transport, endpoint)
            return cls(endpoint, Client(transport, url), transport)

    def script_job(self, spec: JobSpec) -> SiteJob:
        return unicore_job.job(spec)

    def batch_names(self, description: JobDescription, job: str) -> Sequence[str]:
        return unicore_job.batch_names(description, job)

    def find(self, tag: str) -> Sequence[str]:
        with altogether("looking for the run's job"), errors(self._endpoint):
            found: list[str] = []
            while len(found) < _MOST_JOBS:
                page = [str(job.resource_url) for job in self._client.get_jobs(offset=len(found), num=_PAGE, tags=[tag])]
                found += page
                if len(page) < _PAGE:
                    break
            # A server that does not know the filter would return all jobs.
            return [url for url in found if tag in self.state(url).tags]

    def create(self, description: JobDescription) -> str:
        with errors(self._endpoint):
            # No files here, because a failed upload must not make a second job.
            return str(self._client.new_job(description.document(), autostart=False).resource_url)

    def upload(self, job: str, path: str, content: Content) -> None:
        with errors(self._endpoint), opened(content) as source:
            self._folder(job, still_to_run=True).put(source, path)

    def start(self, job: str) -> None:
        with errors(self._endpoint):
            self._job(job).start()

    def state(self, job: str) -> JobState:
        with errors(self._endpoint):
            return unicore_answers.state(self._job(job).properties)

    def details(self, job: str) -> Mapping[str, str]:
        """A batch system forgets a job minutes after its end, and the server then answers 500. The server's log may know more."""
        resource = self._job(job)
        with errors(self._endpoint):
            try:
                return unicore_answers.details(resource.bss_details())
            except httpx.HTTPError as error:
                if not str(error).startswith("500 "):
                    raise
            return unicore_answers.noted_details(self.state(job).log)

    def files(self, job: str) -> Sequence[RemoteFile]:
        with errors(self._endpoint):
            try:
                folder = self._folder(job)
            except EndedError:  # it failed before it had one
                return ()
        with altogether("listing the job's folder"):
            found = unicore_folder.walk(self._lister(job, folder), lambda: inventory.links(self._text(job, inventory.LIST)))
        return tuple(unicore_names.real(found, lambda: unicore_names.parse(self._text(job, unicore_names.LIST))))

    def _lister(self, job: str, folder: Storage) -> unicore_folder.Lister:
        """List one folder; returns the reason if the site does not list it although it knows job and caller."""

        def once(path: str) -> unicore_folder.Content:
            try:
                with errors(self._endpoint):
                    return _listing(folder, path)
            except GoneError:
                self.state(job)
                return {}

        def listed(path: str, tries: int = _TRIES) -> unicore_folder.Content | str:
            try:
                return once(path)
            except AwayError:
                raise
            except ToolError as error:
                self.state(job)
                lost = isinstance(error, ConnectionLostError)  # by a busy server, or for a folder that it can never list
                if lost and tries > 1:
                    return listed(path, tries - 1)
                if lost and path == "/":  # without it, nothing that the job made would come
                    raise
                return "the site does not let you list it" if isinstance(error, RefusedError) else f"the site does not list it ({error})"

        return listed

    @contextmanager
    def read(self, job: str, path: str, offset: int = 0) -> Iterator[Iterator[bytes]]:
        with errors(self._endpoint):
            links = unicore_names.parse(self._text(job, unicore_names.LIST)) if unicore_names.is_rewritten(path) else {}
            link = links.get(path)
            folder = self._folder(job)
            url = f"{folder.resource_url}/files/{quote(link.path if link else path, errors='surrogateescape')}"
            with PathFile(folder, url, path).raw(offset=offset) as response:
                pieces = response.iter_bytes(_PIECE)
                # A server may send the whole file although a part was requested.
                yield _without(pieces, offset) if offset and response.status_code == 200 else pieces

    def passage(self, job: str, host: str, port: int) -> Passage:
        with errors(self._endpoint):
            return unicore_passage.opened(self._transport, self._job(job).properties, host, port)

    def abort(self, job: str) -> None:
        with errors(self._endpoint):
            resource = self._job(job)
            if resource.is_running():
                resource.abort()

    def delete(self, job: str) -> None:
        with suppress(GoneError), errors(self._endpoint):
            self._job(job).delete()
        self._folders.pop(job, None)

    def _job(self, url: str) -> Job:
        """Raises UsageError for what is no job: a record, or a server, could name a file of the user's, to be deleted."""
        if not unicore_answers.is_job(url):
            raise UsageError(f"{printable(url, 200)} is not the address of a UNICORE job; nothing was asked there")
        return Job(self._transport, url, cache_time=0)

    def _text(self, job: str, path: str) -> bytes:
        """What the job noted for us; None if it did not reach its end."""
        try:
            with self.read(job, path) as pieces:
                return gathered(pieces, f"{job}: {path}", _MOST_NOTED)
        except GoneError:
            return b""

    def _folder(self, job: str, *, still_to_run: bool = False) -> Storage:
        """A job's folder. It never changes, and finding it takes several requests. Raises EndedError if the job has none."""
        known = self._folders.get(job)
        if known is not None:
            return known
        folder = self._made(job, still_to_run=still_to_run)
        self._folders[job] = folder
        if len(self._folders) > _KEPT_FOLDERS:
            self._folders.popitem(last=False)
        return folder

    def _made(self, job: str, *, still_to_run: bool) -> Storage:
        """The folder as soon as the server has made it: for its first moments UNICORE calls it INITIALIZING.

        If the server cannot make it, the job fails, and the storage's paths lead nowhere. Raises EndedError.
        """
        for pause in _pauses():
            properties = self._job(job).properties
            state = unicore_answers.state(properties)
            if state.ended and still_to_run:
                raise EndedError(state)
            folder = Storage(self._transport, properties["_links"]["workingDirectory"]["href"], cache_time=0)
            about = folder.properties
            if about.get("resourceStatus", READY) == READY and about.get("mountPoint") not in _NOWHERE:
                return folder
            if state.ended:
                raise EndedError(state)
            self._sleep(pause)
        raise ConnectionLostError(f"{self._endpoint.url}: the job's folder is not there {_FOLDER_S} s after the job; {self._endpoint.hint}")


def _pauses() -> Iterator[float]:
    """Pauses in seconds while a folder is being made: short ones first, `_FOLDER_S` seconds in total."""
    waited, pause = 0.0, 0.05
    while waited < _FOLDER_S:
        yield pause
        waited, pause = waited + pause, min(pause * 1.5, 1)


def _from_registry(transport: PooledTransport, endpoint: Endpoint) -> str:
    """The base URL of the named site, from the UNICORE registry. Raises UsageError with the nearest name."""
    known = Registry(transport, endpoint.url).site_urls
    url = str(known[choose(str(endpoint.site_name), known, what=f"site of the UNICORE registry {endpoint.url}:")])
    if not url.startswith("https://"):
        raise ToolError(f"the UNICORE registry {endpoint.url} gives '{url}' for {endpoint.site_name}; tokens are not sent without TLS")
    transport.allow(url)
    return url


def _listing(folder: Storage, path: str) -> unicore_folder.Content:
    content: unicore_folder.Content = folder.contents(quote(path, errors="surrogateescape"))["content"]
    return content


def _without(pieces: Iterator[bytes], offset: int) -> Iterator[bytes]:
    left = offset
    for piece in pieces:
        yield piece[left:] if left < len(piece) else b""
        left = max(0, left - len(piece))
