"""UNICORE, through pyunicore: the only module that knows its words and errors (facts: UNICORE's REST API, pyunicore 2.0)."""

import re
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import quote

import httpx
from pyunicore.client import Client, Job, PathFile, Storage, Transport
from pyunicore.credentials import AuthenticationFailedException, OIDCToken, UsernamePassword

from esd_build.errors import ToolError, UsageError
from esd_deploy.connection import ConnectionLostError, JobState, RemoteFile
from esd_deploy.endpoint import Endpoint

_TIMEOUT_S = 60


class UnicoreConnection:
    """One user's connection to one site."""

    def __init__(self, endpoint: Endpoint, client: Client, transport: Transport) -> None:
        self._endpoint = endpoint
        self._client = client
        self._transport = transport

    @classmethod
    def open(cls, endpoint: Endpoint) -> "UnicoreConnection":
        """Connect and check that the site knows the user; TLS is always verified (pyunicore's own default is not to)."""
        secret = endpoint.credentials
        credential = UsernamePassword(secret.username, secret.secret) if secret.username else OIDCToken(secret.secret)
        transport = Transport(credential, verify=_tls(endpoint), timeout=_TIMEOUT_S)
        with _errors(endpoint):
            return cls(endpoint, Client(transport, endpoint.url), transport)

    def find(self, tag: str) -> str | None:
        with _errors(self._endpoint):
            jobs = self._client.get_jobs(tags=[tag])
            return str(jobs[0].resource_url) if jobs else None

    def create(self, description: dict[str, object]) -> str:
        with _errors(self._endpoint):
            # A copy, for pyunicore changes the description; no files here, for a failed upload must not make a second job.
            return str(self._client.new_job(dict(description), autostart=False).resource_url)

    def upload(self, job: str, path: str, content: bytes) -> None:
        with _errors(self._endpoint):
            self._folder(job).put(content, path)

    def start(self, job: str) -> None:
        with _errors(self._endpoint):
            self._job(job).start()

    def state(self, job: str) -> JobState:
        with _errors(self._endpoint):
            properties = self._job(job).properties
            code = properties.get("exitCode")  # a JSON string
            return JobState(
                str(properties["status"]),
                str(properties.get("statusMessage") or ""),
                int(code) if code not in {None, ""} else None,
                tuple(str(line) for line in properties.get("log") or ()),
            )

    def files(self, job: str) -> Sequence[RemoteFile]:
        with _errors(self._endpoint):
            return tuple(_walk(self._folder(job), "/"))

    @contextmanager
    def read(self, job: str, path: str) -> Iterator[Iterator[bytes]]:
        with _errors(self._endpoint):
            folder = self._folder(job)
            with PathFile(folder, f"{folder.resource_url}/files/{quote(path)}", path).raw() as response:
                # pyunicore checks the status of everything but streams: an error page would become the file.
                if response.status_code != httpx.codes.OK:
                    raise httpx.HTTPError(f"{response.status_code} Server Error: reading {path}")
                yield response.iter_bytes()

    def abort(self, job: str) -> None:
        with _errors(self._endpoint):
            resource = self._job(job)
            if resource.is_running():
                resource.abort()

    def _job(self, url: str) -> Job:
        return Job(self._transport, url, cache_time=0)

    def _folder(self, job: str) -> Storage:
        try:
            return self._job(job).working_dir
        except OSError as error:
            raise ConnectionLostError(f"{self._endpoint.url}: the job's folder is not usable yet ({error})") from error


def _walk(folder: Storage, base: str) -> Iterator[RemoteFile]:
    for path, properties in folder.contents(quote(base))["content"].items():
        if properties["isDirectory"]:
            yield from _walk(folder, str(path))
        else:
            yield RemoteFile(str(path).lstrip("/"), int(properties["size"]))


def _tls(endpoint: Endpoint) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=endpoint.ca_file)
    except OSError as error:
        raise UsageError(f"{endpoint.ca_file}: not a readable file of certificates (PEM); it should hold the site's authority") from error


@contextmanager
def _errors(endpoint: Endpoint) -> Iterator[None]:
    try:
        yield
    except AuthenticationFailedException as error:
        raise _refused(endpoint) from error
    except httpx.HTTPError as error:
        raise _meaning(error, endpoint) from error
    except (KeyError, TypeError, ValueError, httpx.InvalidURL, httpx.StreamError) as error:
        raise ToolError(f"{endpoint.url} answered, but not as UNICORE does ({error!r}); is the address right?") from error


def _meaning(error: httpx.HTTPError, endpoint: Endpoint) -> ToolError:
    """pyunicore's errors carry the status code in their text only."""
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        trusted = endpoint.ca_file or "the machine's certificate authorities"
        return ToolError(f"the certificate of {endpoint.url} is not signed by {trusted}; correct ca_file, do not go on without ({error})")
    if isinstance(error, httpx.TransportError):
        return ConnectionLostError(f"{endpoint.url} does not answer ({error or type(error).__name__}); {endpoint.hint}")
    found = re.match(r"\d{3}", str(error))
    status = int(found[0]) if found else 0
    if status in {401, 403}:
        return _refused(endpoint)
    if status == 404:
        return ToolError(f"{endpoint.url} no longer knows this: {error}; jobs are removed when their life time is over")
    return ConnectionLostError(f"{endpoint.url}: {error}") if status >= 500 else ToolError(f"{endpoint.url} refused: {error}")


def _refused(endpoint: Endpoint) -> ToolError:
    who = f"user '{endpoint.credentials.username}'" if endpoint.credentials.username else "this token"
    return ToolError(f"{endpoint.url} does not let {who} in: wrong, expired, or without an account there; renew it and try again")
