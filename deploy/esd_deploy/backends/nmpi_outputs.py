"""Where a queue's job left its results: paths and addresses that the queue names, each checked before use."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote, urljoin, urlsplit

from esd_build.net.answers import printable
from esd_deploy.backends.nmpi_answers import JobAnswer, OutputFile


@dataclass(frozen=True)
class Output:
    """One result: its address, its size in bytes if known, and what is wrong with the address."""

    url: str
    size: int | None
    problem: str = ""


def outputs(job: JobAnswer, queue: str) -> dict[str, Output]:
    """All results by their path; one that has another's path gets a number. `queue`: its address, which others may be relative to."""
    found: dict[str, Output] = {}
    for file in job.output_data.files if job.output_data else ():
        path, number = _path(file), 1
        while (place := path if number == 1 else f"{path}~{number}") in found:
            number += 1
        found[place] = _output(file, f"{queue.rstrip('/')}/")
    return found


def _path(file: OutputFile) -> str:
    """The queue's path; if it gives none, the last part of the address."""
    return file.path or unquote(PurePosixPath(urlsplit(file.url).path).name) or "result"


def _output(file: OutputFile, queue: str) -> Output:
    """Results are fetched only over TLS. An address of this queue without TLS, such as SpiNNaker's own store, is requested with TLS."""
    url = urljoin(queue, file.url)
    parts = urlsplit(url)
    if parts.scheme == "http" and ":" not in parts.netloc:
        url, parts = parts._replace(scheme="https").geturl(), parts._replace(scheme="https")
    if parts.scheme == "https":
        return Output(url, file.size)
    return Output(url, file.size, f"its address {printable(url, 500)} is not https; nothing was fetched from there")
