"""UNICORE's port forwarding: an HTTP upgrade of a job's own address, and then a stream of bytes (UNICORE/X 2.9, pyunicore 2.0)."""

import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import httpcore
import httpx

from esd_build.data.errors import ToolError, UsageError
from esd_build.net.allowance import FILE, allowed
from esd_deploy.backends.connection import Passage
from esd_deploy.backends.unicore.http import PooledTransport

PROTOCOL = "UNICORE-Socket-Forwarding"
_NO_BATCH_JOB = "BSSID is null"
_FIRST = 64 * 1024


def opened(transport: PooledTransport, job: Mapping[str, Any], host: str, port: int) -> Passage:
    """Connect to `host`:`port` from the login node. Raises UsageError if the server or the job forwards none, httpx.HTTPError otherwise."""
    link = job["_links"].get("forwarding")
    if link is None:
        raise UsageError("this UNICORE server forwards no ports: its jobs have no 'forwarding'; it needs UNICORE 9.1 or later")
    answer = transport.upgraded(f"{link['href']}?{urlencode({'port': port, 'host': host})}", PROTOCOL)
    if answer.status_code != httpx.codes.SWITCHING_PROTOCOLS:
        try:
            _refuse(transport, answer)
        finally:
            answer.close()
    return _passage(answer)


def _refuse(transport: PooledTransport, answer: httpx.Response) -> None:
    """Raises what the answer means."""
    answer.read()
    if _NO_BATCH_JOB in answer.text:
        raise UsageError("the job has not reached the batch system yet, so nothing of it can listen")
    transport.check_error(answer)
    raise UsageError(
        f"the server did not open the connection (it answered {answer.status_code} as to any request): "
        f"a gateway or a proxy before it takes '{PROTOCOL}' out of requests; ask the site's administrator"
    )


def _passage(answer: httpx.Response) -> Passage:
    stream = answer.extensions["network_stream"]
    link: ssl.SSLSocket = stream.get_extra_info("socket")
    if link.server_hostname != answer.url.host:  # it is the connection to a proxy, in which TLS runs within TLS
        answer.close()
        raise ToolError("no tunnel can be carried through a proxy whose own address is https; name one with http in $https_proxy")
    early = b""
    with suppress(httpcore.ReadError, httpcore.ReadTimeout), allowed(FILE):
        early = stream.read(_FIRST, timeout=0)  # what came together with the answer, and is no longer in the socket
    return Passage(link, early, answer.close)
