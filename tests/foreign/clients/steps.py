"""What the programs of this folder share. Each is run by the Python of another client's environment, which has nothing of this project."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType


@dataclass(frozen=True)
class Place:
    """Where the server is, and who asks: `core`, `registry` and `site` name it; `token` is one that the server gave this user."""

    core: str
    registry: str
    site: str
    user: str
    password: str
    token: str

    @classmethod
    def given(cls) -> "Place":
        """From the command line (core, registry, site, user) and standard input (password and token, a line each)."""
        core, registry, site, user = sys.argv[1:]
        password, token = sys.stdin.read().split()
        return cls(core, registry, site, user, password, token)


class Step:
    """`with Step("name"):` prints `ok name`, or `FAILED name` with the reason; the next step is taken all the same."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        while trace is not None and trace.tb_next is not None and trace.tb_next.tb_frame.f_code.co_filename == sys.argv[0]:
            trace = trace.tb_next
        where = f" ({Path(sys.argv[0]).name}:{trace.tb_lineno})" if trace else ""
        print(f"FAILED {self._name}{where}: {error!r}" if error else f"ok {self._name}", flush=True)
        return True


def run(*steps: Callable[[Place], None]) -> None:
    """Take all steps, each under its function's name."""
    place = Place.given()
    for step in steps:
        with Step(step.__name__.replace("_", " ")):
            step(place)
