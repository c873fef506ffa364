"""Bearer tokens of a local site in a file that is renewed all the time, as a login agent does it."""

import contextlib
import json
import os
import ssl
import threading
from pathlib import Path
from types import TracebackType

import httpx


class TokenFile:
    """Writes a new token every few seconds while it is entered; remembers all, to look for them afterwards."""

    def __init__(self, site: str, path: Path, *, every_s: float = 5) -> None:
        status = json.loads(Path(f"/var/lib/esd-localsite/{site}/status.json").read_text())
        self.path = path
        self.password = Path(status["password_file"]).read_text().strip()
        self.all: set[str] = set()
        self._url = f"{status['unicore_url']}/token"
        self._client = httpx.Client(
            auth=(status["username"], self.password), verify=ssl.create_default_context(cafile=status["ca_file"]), timeout=20
        )
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renew_always)

    def __enter__(self) -> "TokenFile":
        self._renew()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def _renew_always(self) -> None:
        while not self._stop.wait(self._every_s):
            with contextlib.suppress(httpx.HTTPError):
                self._renew()

    def _renew(self) -> None:
        answer = self._client.get(self._url, headers={"Accept": "text/plain"})
        answer.raise_for_status()
        token = answer.text.strip()
        self.all.add(token)
        part = self.path.with_suffix(".part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(token)
        part.replace(self.path)
