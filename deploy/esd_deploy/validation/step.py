"""One command line of a validation's job."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """`limit_s` is how long it may take, in seconds; a step with `image` is left out where the image did not come."""

    name: str
    argv: tuple[str, ...]
    limit_s: int
    image: bool = True
    login: bool = False
