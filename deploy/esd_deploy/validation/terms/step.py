"""One command line of a validation's job."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """A step. `limit_s`: its time limit in seconds. The job skips steps with `image` if the image did not arrive."""

    name: str
    argv: tuple[str, ...]
    limit_s: int
    image: bool = True
    login: bool = False
