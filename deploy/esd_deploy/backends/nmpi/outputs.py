"""Where a queue's job left its results: paths and addresses that the queue names, each checked before use."""

import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from esd_build.data.errors import ToolError
from esd_build.net.addresses import is_loopback, joined
from esd_build.net.answers import printable
from esd_deploy.backends.nmpi.answers import JobAnswer, OutputFile

_MOST = 10_000
"""Results of one job."""
_LAST = re.compile(r"[?#]")
_SHA1 = re.compile(r"[0-9a-fA-F]{40}")


@dataclass(frozen=True)
class Output:
    """One result: its address, its size in bytes and its SHA-1 if known, and what is wrong with the address."""

    url: str
    size: int | None
    problem: str = ""
    sha1: str | None = None


def outputs(job: JobAnswer, queue: str) -> dict[str, Output]:
    """All results by their path; one that has another's path gets a number. `queue`: its address, which others may be relative to."""
    files = job.output_data.files if job.output_data else ()
    if len(files) > _MOST:
        raise ToolError(f"{queue} names {len(files)} results of job {job.id}, more than {_MOST}; fetch them yourself")
    found: dict[str, Output] = {}
    numbers: dict[str, int] = {}
    for file in files:
        path = _path(file)
        number = numbers.get(path, 1)
        while (place := path if number == 1 else f"{path}~{number}") in found:
            number += 1
        numbers[path] = number
        found[place] = replace(_output(file, f"{queue.rstrip('/')}/"), sha1=_sha1(file.hash))
    return found


def _path(file: OutputFile) -> str:
    """The queue's path; if it gives none, the last part of the address."""
    return file.path or unquote(PurePosixPath(_LAST.split(file.url)[0]).name) or "result"


def _sha1(noted: str | None) -> str | None:
    """The queue's own kind of hash, in hex. It stores whatever the machine reported: what has another form says nothing."""
    return noted.lower() if noted and _SHA1.fullmatch(noted) else None


def _output(file: OutputFile, queue: str) -> Output:
    """Results are fetched only over TLS. An address of this queue without TLS, such as SpiNNaker's own store, is requested with TLS."""
    try:
        url = joined(queue, file.url)
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ToolError as error:
        return Output("", file.size, printable(f"{error}; nothing was asked there", 500))
    if is_loopback(host) and not is_loopback(urlsplit(queue).hostname or ""):
        return Output(url, file.size, f"it lies at {printable(url, 500)}, which is this machine itself; nothing was asked there")
    if parts.scheme == "http" and ":" not in parts.netloc:
        url, parts = parts._replace(scheme="https").geturl(), parts._replace(scheme="https")
    if parts.scheme == "https":
        return Output(url, file.size)
    return Output(url, file.size, f"its address {printable(url, 500)} is not https; nothing was fetched from there")
