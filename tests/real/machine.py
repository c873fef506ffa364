"""Plays the machine behind the real queue: takes jobs of platform Demo, runs them as the local site's queue does, reports their ends."""

import hashlib
import logging
import os
import ssl
import stat
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from functools import cached_property, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import ValidationError
from tests.real.queue import RealQueue

from esd_build.tools.process import Account
from esd_localsite.nmpi.platforms import PLATFORMS
from esd_localsite.nmpi.program import HOME, SCRIPT, STARTED, WORK, RequestError, description
from esd_localsite.nmpi.records import Request

PLATFORM = PLATFORMS["Demo"]
LOOK_S, LONGEST_S = 0.2, 600
STAND_IN = f"""#!/bin/sh
while [ "${{1%.sif}}" = "$1" ]; do
  [ "$1" = --home ] && HOME=$2
  shift
done
shift 2
exec {sys.executable} "$@"
"""
"""Takes Apptainer's place, and runs a job's program with this machine's Python."""


def write_stand_in(folder: Path) -> str:
    """The search path by which it is found."""
    folder.mkdir()
    (folder / "apptainer").write_text(STAND_IN)
    (folder / "apptainer").chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


class _Quiet(SimpleHTTPRequestHandler):
    """Gives out what jobs left."""

    def log_message(self, *_arguments: object) -> None:
        pass


@dataclass
class Machine:
    """One machine. Without an `image` the stand-in runs the programs, as the caller."""

    queue: RealQueue
    folder: Path
    image: Path | None = None
    _ended: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    @cached_property
    def web(self) -> httpx.Client:
        return httpx.Client(base_url=self.queue.url, verify=self.queue.tls, timeout=60, headers={"x-api-key": self.queue.key})

    @cached_property
    def stand_in(self) -> str:
        return write_stand_in(self.folder / "bin")

    @cached_property
    def store(self) -> ThreadingHTTPServer:
        """Where results lie: another server than the queue, as in life."""
        pair = self.queue.keycloak.authority.issue("store")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(self.folder / "jobs")))
        server.socket = context.wrap_socket(server.socket, server_side=True)
        return server

    def start(self) -> None:
        (self.folder / "jobs").mkdir(parents=True, exist_ok=True)
        self._threads = [threading.Thread(target=one, daemon=True) for one in (self.store.serve_forever, self._work)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._ended.set()
        self.store.shutdown()
        self.store.server_close()
        for thread in self._threads:
            thread.join(30)
        self.web.close()

    def _work(self) -> None:
        while not self._ended.wait(LOOK_S):
            try:
                found = self.web.get(f"/jobs/next/{PLATFORM.name}")
                if found.is_success:
                    self._run(found.json())
            except httpx.HTTPError as error:  # the queue is away, which tests do to it
                logging.getLogger(__name__).warning("the machine goes on after %s", error)
                time.sleep(LOOK_S)

    def _run(self, job: dict[str, Any]) -> None:
        number, began = job["id"], time.monotonic()
        self._report(number, status="running")
        try:
            code, log, files = self._executed(number, job)
        except Exception as error:  # noqa: BLE001 - whatever it is, the job's owner must hear of it instead of waiting
            code, log, files = 1, f"the machine could not run this job: {error!r}\n", []
        self.web.put(f"/jobs/{number}/log", content=log, headers={"Content-Type": "text/plain"}).raise_for_status()
        used = {"value": (time.monotonic() - began) / 3600, "units": "hours"}
        results = {"output_data": {"repository": "store", "files": files}} if files else {}
        self._report(number, status="error" if code else "finished", resource_usage=used, **results)

    def _report(self, number: int, **patch: object) -> None:
        self.web.put(f"/jobs/{number}", json=patch).raise_for_status()

    def _executed(self, number: int, job: dict[str, Any]) -> tuple[int, str, list[dict[str, object]]]:
        """Exit code, log, results."""
        folder = self.folder / "jobs" / str(number)
        try:
            described = description(Request.model_validate(job), PLATFORM, self.image or Path("stand-in.sif"))
        except (RequestError, ValidationError) as error:  # the queue takes what no machine can run: the contract's odd jobs
            return 1, f"{error}\n", []
        for item in described["Imports"]:
            place = folder / item["To"]
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(self._content(item))
        account = Account.current()
        switched = self.image is not None and account.is_other
        if switched:
            account.own(folder)
        who: dict[str, Any] = {"user": account.uid, "group": account.gid, "extra_groups": []} if switched else {}
        environment = {"PATH": os.environ["PATH"] if self.image else self.stand_in, "HOME": str(folder / HOME), "LANG": "C.UTF-8"}
        quiet: dict[str, Any] = {"stdout": subprocess.PIPE, "stdin": subprocess.DEVNULL, "timeout": LONGEST_S}
        done = subprocess.run(("bash", SCRIPT), cwd=folder, env=environment, check=False, **quiet, **who)
        return done.returncode, done.stdout.decode(errors="replace"), self._left(number, folder)

    def _content(self, item: dict[str, Any]) -> bytes:
        if item["From"].startswith("inline://"):
            return str(item["Data"]).encode()
        return httpx.get(item["From"], verify=self.queue.tls, follow_redirects=True).raise_for_status().content

    def _left(self, number: int, folder: Path) -> list[dict[str, object]]:
        """What is younger than the job's start."""
        since, found = (folder / STARTED).stat().st_mtime_ns if (folder / STARTED).exists() else 2**63, []
        for path in sorted((folder / WORK).rglob("*")):
            status, name = path.lstat(), path.relative_to(folder / WORK).as_posix()
            if stat.S_ISREG(status.st_mode) and status.st_mtime_ns >= since and "__pycache__" not in name:
                url = f"https://127.0.0.1:{self.store.server_port}/{number}/{WORK}/{quote(name)}"
                digest = hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()
                found.append({"url": url, "path": name, "size": status.st_size, "content_type": "text/plain", "hash": digest})
        return found
