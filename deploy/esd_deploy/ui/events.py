"""What an open page is told: server-sent events. A page that lost them asks again and misses nothing.

`changed`: the page shall fetch itself again; the first event after each connect, too, if the runs are others than those that it shows.
`notice`: what is wrong with the sites. `log`: what a run's script has printed, from the byte that the page has seen last.
"""

import asyncio
import codecs
import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

from esd_build.data.errors import EsdError
from esd_build.net.answers import printable
from esd_deploy.ui.follower import Follower
from esd_deploy.ui.shelf import Entry, Shelf

TICK_S = 0.5
_LOG_EVERY = 2
"""Ticks between two questions for what a script has printed."""
STREAMS = ("stdout", "stderr")
MOST_TEXT = 256 * 1024
"""Bytes of a log that a page shows; all of it is among the results."""
_COLOUR = re.compile(r"\x1b\[[0-9;]{0,20}m")
_BEAT = b": still here\n\n"


def event(kind: str, data: object, mark: str = "") -> bytes:
    """One event in the form that browsers read."""
    head = f"id: {mark}\n" if mark else ""
    return f"{head}event: {kind}\ndata: {json.dumps(data)}\n\n".encode()


def stamp(entries: Mapping[str, Entry], said: str = "") -> str:
    """A short text that changes when one of these runs does."""
    told = [(one.id, one.status, one.row.get("ended_by"), one.row.get("seconds"), one.problem) for one in entries.values()]
    return hashlib.sha256(repr((told, said)).encode()).hexdigest()[:16]


def news(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> str:
    """What a screen reader says: which runs are new, and which have another state."""
    changed = [one for run_id, one in after.items() if run_id not in before or before[run_id].status != one.status]
    told = [f"run {one.id}: {one.status}" for one in changed[:3]]
    return "; ".join([*told, *([f"{len(changed) - 3} more"] if len(changed) > 3 else [])])


def shown(content: bytes) -> str:
    """What a program printed, for a page: without colours, and without what turns the order of writing around."""
    return plain(content.decode("utf-8", errors="replace"))


def plain(text: str) -> str:
    """As `shown`, of text."""
    return printable(_COLOUR.sub("", text.replace("\r\n", "\n").replace("\r", "\n")), MOST_TEXT)


@dataclass
class Log:
    """One stream of a run, read on from a byte; a character that is cut in two waits for its other half."""

    stream: str
    at: int = 0
    _decoder: codecs.IncrementalDecoder = field(default_factory=lambda: codecs.getincrementaldecoder("utf-8")(errors="replace"))

    @property
    def mark(self) -> int:
        """From here a page that connects again reads on."""
        return self.at - len(self._decoder.getstate()[0])

    def text(self, new: bytes) -> str:
        """The new text; of very much only the end."""
        self.at += len(new)
        left = max(0, len(new) - MOST_TEXT)
        told = f"({left:,} bytes are left out here; the whole file is among the results)\n" if left else ""
        return told + plain(self._decoder.decode(new[left:]))


def logs(mark: str) -> tuple[Log, ...]:
    """The streams of a run, each from where the page's last event ended (`12-0`)."""
    found = re.fullmatch(r"(\d{1,15})-(\d{1,15})", mark, re.ASCII)
    return tuple(Log(stream, int(found[number]) if found else 0) for number, stream in enumerate(STREAMS, 1))


@dataclass(frozen=True)
class Watch:
    """The events of one page."""

    shelf: Shelf
    follower: Follower
    tick_s: float = TICK_S

    async def many(self, seen: str, mine: Callable[[], Mapping[str, Entry]], also: Callable[[], str] = str) -> AsyncIterator[bytes]:
        """Of a page that shows several runs. `seen`: the stamp of what it shows; `also`: what else it shows of them."""
        with self.follower.looked_at():
            before: Mapping[str, Entry] = {}
            notices: list[str] | None = None
            while not self.follower.stopped:
                after = await asyncio.to_thread(mine)
                now = stamp(after, await asyncio.to_thread(also))
                if now != seen:
                    yield event("changed", {"said": news(before, after) if before else "", "stamp": now})
                    seen = now
                before = after
                if notices != (said := self.follower.notices()):
                    yield event("notice", said)
                    notices = said
                yield _BEAT
                await asyncio.sleep(self.tick_s)

    async def one(self, run_id: str, seen: str, mark: str) -> AsyncIterator[bytes]:
        """Of a run's own page: its state, and what its script prints until its results are here."""
        streams, ticks, problem = logs(mark), 0, ""
        with self.follower.looked_at():
            notices: list[str] | None = None
            while not self.follower.stopped:
                entry = await asyncio.to_thread(self.shelf.entry, run_id)
                if entry.active and ticks % _LOG_EVERY == 0:
                    texts, problem = await asyncio.to_thread(self._printed, run_id, streams)
                    for stream, text in texts.items():
                        yield event("log", {"stream": stream, "text": text}, "-".join(str(one.mark) for one in streams))
                said = [*self.follower.notices(), *([problem] if problem else [])]
                if notices != said:
                    yield event("notice", said)
                    notices = said
                now = stamp({run_id: entry}, self.follower.of_run(run_id))
                if now != seen:
                    yield event("changed", {"said": f"run {run_id}: {entry.status}", "stamp": now})
                    seen = now
                yield _BEAT
                ticks += 1
                await asyncio.sleep(self.tick_s)

    def _printed(self, run_id: str, streams: tuple[Log, ...]) -> tuple[dict[str, str], str]:
        """What is new in each stream; and why it could not be read."""
        found: dict[str, str] = {}
        try:
            run = self.follower.run(run_id)
            for one in streams:
                new = run.output(one.stream, one.at)
                if new:
                    found[one.stream] = one.text(new)
        except EsdError as error:
            return found, f"what the script prints cannot be read now: {str(error).partition(chr(10))[0]}"
        return found, ""
