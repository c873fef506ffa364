"""UNICORE, through pyunicore: with unicore_http.py the only module that knows its words (facts: UNICORE's REST API, pyunicore 2.0)."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from urllib.parse import quote

from pyunicore.client import Client, Job, PathFile, Registry, Storage, Transport

from esd_build.data.documents import choose
from esd_build.data.errors import ToolError
from esd_deploy.backends.connection import ConnectionLostError, GoneError, JobState, RemoteFile
from esd_deploy.backends.unicore_http import PooledTransport, errors
from esd_deploy.sites.endpoint import Endpoint

_PAGE = 200
_KEPT_FOLDERS = 256
_PIECE = 1024**2
_DEEPEST = 32


class UnicoreConnection:
    """One user's connection to one site. Safe to use from several threads."""

    def __init__(self, endpoint: Endpoint, client: Client, transport: Transport) -> None:
        self._endpoint = endpoint
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

    def find(self, tag: str) -> Sequence[str]:
        with errors(self._endpoint):
            found: list[str] = []
            while True:
                page = [str(job.resource_url) for job in self._client.get_jobs(offset=len(found), num=_PAGE, tags=[tag])]
                found += page
                if len(page) < _PAGE:
                    break
            # A server that does not know the filter would give all jobs.
            return [url for url in found if tag in self.state(url).tags]

    def create(self, description: dict[str, object]) -> str:
        with errors(self._endpoint):
            # A copy, for pyunicore changes the description; no files here, for a failed upload must not make a second job.
            return str(self._client.new_job(dict(description), autostart=False).resource_url)

    def upload(self, job: str, path: str, content: bytes) -> None:
        with errors(self._endpoint):
            self._folder(job).put(content, path)

    def start(self, job: str) -> None:
        with errors(self._endpoint):
            self._job(job).start()

    def state(self, job: str) -> JobState:
        with errors(self._endpoint):
            properties = self._job(job).properties
            code = properties.get("exitCode")  # a JSON string
            return JobState(
                str(properties["status"]),
                str(properties.get("statusMessage") or ""),
                int(code) if code not in {None, ""} else None,
                tuple(str(line) for line in properties.get("log") or ()),
                str(properties.get("batchSystemID") or "") or None,
                frozenset(map(str, properties.get("tags") or ())),
            )

    def details(self, job: str) -> Mapping[str, str]:
        with errors(self._endpoint):
            found = self._job(job).bss_details()
            return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}

    def files(self, job: str) -> Sequence[RemoteFile]:
        with errors(self._endpoint):
            return tuple(_walk(self._folder(job), "/"))

    @contextmanager
    def read(self, job: str, path: str, offset: int = 0) -> Iterator[Iterator[bytes]]:
        with errors(self._endpoint):
            folder = self._folder(job)
            url = f"{folder.resource_url}/files/{quote(path)}"
            with PathFile(folder, url, path).raw(offset=offset) as response:
                pieces = response.iter_bytes(_PIECE)
                # A server may give the whole file where a part of it was asked for.
                yield _without(pieces, offset) if offset and response.status_code == 200 else pieces

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
        return Job(self._transport, url, cache_time=0)

    def _folder(self, job: str) -> Storage:
        """A job's folder; it never changes, and asking for it takes three requests."""
        known = self._folders.get(job)
        if known is not None:
            return known
        try:
            folder = self._job(job).working_dir
        except OSError as error:
            raise ConnectionLostError(f"{self._endpoint.url}: the job's folder is not usable yet ({error})") from error
        self._folders[job] = folder
        if len(self._folders) > _KEPT_FOLDERS:
            self._folders.popitem(last=False)
        return folder


def _from_registry(transport: PooledTransport, endpoint: Endpoint) -> str:
    """The base URL of the named site, as the UNICORE registry gives it. Raises UsageError with the nearest name."""
    known = Registry(transport, endpoint.url).site_urls
    url = str(known[choose(str(endpoint.site_name), known, what=f"site of the UNICORE registry {endpoint.url}:")])
    if not url.startswith("https://"):
        raise ToolError(
            f"the UNICORE registry {endpoint.url} gives '{url}' for {endpoint.site_name}; a token is not sent there without TLS"
        )
    transport.allow(url)
    return url


def _walk(folder: Storage, base: str) -> Iterator[RemoteFile]:
    """All files below; not what a link that leads in circles, or a folder that claims to lie elsewhere, would add."""
    for path, properties in folder.contents(quote(base))["content"].items():
        if not properties["isDirectory"]:
            yield RemoteFile(str(path).lstrip("/"), int(properties["size"]))
        elif str(path).startswith(base) and len(str(path)) > len(base) and base.count("/") < _DEEPEST:
            yield from _walk(folder, str(path))


def _without(pieces: Iterator[bytes], offset: int) -> Iterator[bytes]:
    left = offset
    for piece in pieces:
        yield piece[left:] if left < len(piece) else b""
        left = max(0, left - len(piece))
