"""Where the package index that this machine's pip uses has a file with a given checksum.

pip is asked, because it knows the machine's configuration (addresses, certificates, local folders). It has no command that fetches an
sdist without running its build. With -v it lists the pages that it read, and the files of pages in HTML with their checksums; since
pip 26.3 not those of pages in JSON (PEP 691), which are read here.
"""

import re
import sys
from functools import cache
from urllib.parse import urljoin

import httpx
from pydantic import BaseModel

from esd_build.data.errors import ToolError
from esd_build.tools.process import run

_LINK = re.compile(r"((?:https?|file)://[^\s#]+)#sha256=([0-9a-f]{64})")
_JSON = "application/vnd.pypi.simple.v1+json"
_PAGE = re.compile(rf"^Fetched page (\S+) as {re.escape(_JSON)}", re.MULTILINE)
_TIMEOUT_S = 30.0


@cache
def addresses(project: str) -> dict[str, str]:
    """Every file of a project on the index: checksum (SHA-256, hex) → address. Raises ToolError if the index cannot be asked."""
    command = (sys.executable, "-m", "pip", "index", "versions", project, "-vvv", "--no-input", "--disable-pip-version-check")
    text = "\n".join(run(command, keep_lines=50_000).tail)
    found = links(text)
    for page in pages(text):
        try:
            answer = httpx.get(page, headers={"Accept": _JSON}, follow_redirects=True, timeout=_TIMEOUT_S).raise_for_status()
            found |= files(page, answer.content)
        except (httpx.HTTPError, ValueError) as error:
            raise ToolError(f"the package index cannot be asked for {project} ({page}: {error})") from None
    return found


def links(text: str) -> dict[str, str]:
    """The checksums and addresses in what pip says."""
    return {checksum: address for address, checksum in _LINK.findall(text)}


def pages(text: str) -> tuple[str, ...]:
    """The pages in JSON that pip says it read."""
    return tuple(dict.fromkeys(_PAGE.findall(text)))


class _Listed(BaseModel):
    url: str
    hashes: dict[str, str] = {}


class _Page(BaseModel):
    """PEP 691's document about a project; further keys are ignored."""

    files: tuple[_Listed, ...] = ()


def files(page: str, content: bytes) -> dict[str, str]:
    """The checksums and addresses in a page of the index, as PEP 691 has it; addresses may be relative to the page's. Raises ValueError."""
    listed = ((file.hashes.get("sha256"), file.url) for file in _Page.model_validate_json(content).files)
    return {checksum: urljoin(page, address) for checksum, address in listed if checksum}


def address(project: str, sha256: str) -> str | None:
    """Where the file with this checksum is; None if the index does not have it. Raises ToolError if it cannot be asked."""
    return addresses(project).get(sha256)
