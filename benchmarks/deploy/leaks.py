"""Looks for secrets where none may be: in the command lines of all processes while it goes on, in all files afterwards."""

import contextlib
import threading
from pathlib import Path
from types import TracebackType

from tokens_for_tests import TokenFile

_OWN = {"token", "token.part", "password", "users.json"}
_LARGEST = 50_000_000


class Leaks:
    """Samples command lines while it is entered."""

    def __init__(self, tokens: TokenFile) -> None:
        self._tokens = tokens
        self._seen: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.samples = 0

    def __enter__(self) -> "Leaks":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def found_in(self, *folders: Path) -> list[str]:
        """Every place where a secret was seen: a file below these folders, or a command line."""
        secrets = [secret.encode() for secret in (*self._tokens.all, self._tokens.password)]
        files = (path for folder in folders for path in folder.rglob("*") if path.name not in _OWN and _is_readable(path))
        return sorted(self._seen) + [str(path) for path in files if _holds(path, secrets)]

    def _watch(self) -> None:
        while not self._stop.wait(0.5):
            self.samples += 1
            secrets = [secret.encode() for secret in (*self._tokens.all, self._tokens.password)]
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                if _holds(path, secrets):
                    self._seen.add(f"the command line of process {path.parent.name}")


def _is_readable(path: Path) -> bool:
    with contextlib.suppress(OSError):  # a link may name what no file can be called
        return not path.is_symlink() and path.is_file() and path.stat().st_size < _LARGEST
    return False


def _holds(path: Path, secrets: list[bytes]) -> bool:
    with contextlib.suppress(OSError):
        content = path.read_bytes()
        # A JWT's last part is its signature: whoever has that has the token.
        return any(secret in content or secret.rsplit(b".", 1)[-1] in content for secret in secrets)
    return False
