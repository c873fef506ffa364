"""What all JSON documents of the REST interface share."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeAlias

Document: TypeAlias = dict[str, object]
_YEAR_9000 = 221_845_392_000
"""In seconds since 1970. File systems hold later times, Python's calendar soon does not."""


def unicore_time(moment: datetime) -> str:
    """A time in UNICORE's form, `2024-10-17T15:48:25+0200`."""
    return moment.astimezone().strftime("%Y-%m-%dT%H:%M:%S%z")


@lru_cache(maxsize=4096)
def unicore_second(second: int) -> str:
    """Such a time from seconds since 1970, at most of the year 9000; a folder's files often have few different ones."""
    return unicore_time(datetime.fromtimestamp(min(max(second, 0), _YEAR_9000), UTC))
