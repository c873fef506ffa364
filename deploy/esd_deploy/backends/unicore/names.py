"""Results whose names UNICORE cannot transfer: its TSI replaces `$HOME`, `$LOGNAME` and `$USER` in every requested path.

So a file `a$HOME.txt` is listed and cannot be read, and a folder of such a name cannot be listed. Bytes that are no UTF-8, line breaks,
single quotes and backslashes get lost likewise; and the server decodes addresses twice, so that `a%41` is taken for `aA`. job.sh gives each
such result a link with a plain name, and writes down which is which. Pure.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from esd_deploy.backends.connection import RemoteFile

FOLDER = "esd/plain-names"
"""The folder of the links, which are named by numbers."""
LIST = f"{FOLDER}/list"
"""Their list: `NUMBER SIZE PATH`, each ended by a zero byte."""
_LINE = re.compile(r"([0-9]{1,9}) ([0-9]{1,18}) (.+)", re.DOTALL)
_REWRITTEN = re.compile(r"\$(HOME|LOGNAME|USER)|['\\\x00-\x1f\x7f\ud800-\udfff]|%[0-9A-Fa-f]{2}")


@dataclass(frozen=True)
class Plain:
    """The link to a result, and the result's size in bytes."""

    path: str
    size: int


def is_rewritten(path: str) -> bool:
    """Whether the TSI would look for another file."""
    return _REWRITTEN.search(path) is not None


def parse(content: bytes) -> dict[str, Plain]:
    """The results' paths → their links, from what job.sh wrote; skips every other line."""
    found = map(_LINE.fullmatch, content.decode("utf-8", errors="surrogateescape").split("\0"))
    return {line[3].removeprefix("./"): Plain(f"{FOLDER}/{line[1]}", int(line[2])) for line in found if line}


def real(found: Iterable[RemoteFile], links: Callable[[], Mapping[str, Plain]]) -> Iterator[RemoteFile]:
    """The job's files under their own names, without the links; calls `links` only if there are some."""
    listed = list(found)
    plain = links() if any(file.path == LIST for file in listed) else {}
    for file in listed:
        hidden = bool(plain) and (file.path in plain or is_rewritten(file.path))
        if not hidden and not file.path.startswith(f"{FOLDER}/"):
            yield file
    yield from (RemoteFile(path, one.size) for path, one in plain.items())
