"""What all JSON documents of the REST interface share."""

from datetime import datetime
from typing import TypeAlias

Document: TypeAlias = dict[str, object]


def unicore_time(moment: datetime) -> str:
    """A time in UNICORE's form, `2024-10-17T15:48:25+0200`."""
    return moment.astimezone().strftime("%Y-%m-%dT%H:%M:%S%z")
