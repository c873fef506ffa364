"""A PostgreSQL of the tests' own: one cluster in a folder, on loopback, gone with the session."""

import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tests.esd_build.registry.servers import free_port
from tests.real.process import Server

from esd_build.tools.process import Account, run

_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/bin")


def programs() -> Path | None:
    """The folder with `initdb`, which Debian keeps off the search path; None where there is none."""
    found = [path for place in _PLACES for path in sorted(Path("/").glob(f"{place[1:]}/initdb"))]
    return found[-1].parent if found else None


def why_not() -> str | None:
    return None if programs() else "no PostgreSQL here (Debian package: postgresql)"


@dataclass
class Postgres:
    """The cluster; `password` is that of its owner, `postgres`."""

    folder: Path
    port: int = field(default_factory=free_port)
    password: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    @cached_property
    def server(self) -> Server:
        data, found = self.folder / "cluster", programs()
        assert found
        secret = self.folder / "postgres.password"
        secret.touch(mode=0o600)
        secret.write_text(self.password)
        Account.current().own(self.folder)
        options = ("--pgdata", str(data), "--username", "postgres", "--auth", "scram-sha-256", "--pwfile", str(secret), "--no-sync")
        made = run((str(found / "initdb"), *options), account=Account.current())
        assert made.returncode == 0, made.text
        settings = (f"port={self.port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={self.folder}", "fsync=off")
        argv = (str(found / "postgres"), "-D", str(data), *(word for one in settings for word in ("-c", one)))
        return Server("postgres", argv, self.folder, ready=lambda: self.answers(found))

    def answers(self, found: Path) -> bool:
        asked = (str(found / "pg_isready"), "-h", "127.0.0.1", "-p", str(self.port))
        return subprocess.run(asked, capture_output=True, check=False).returncode == 0

    def execute(self, database: str, statements: str) -> None:
        """SQL, statement by statement, until one fails."""
        psql = shutil.which("psql") or "psql"
        argv = (psql, "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", database)
        environment = {"PATH": os.environ["PATH"], "PGPASSWORD": self.password}
        done = subprocess.run(argv, input=statements, text=True, capture_output=True, check=False, env=environment)
        assert done.returncode == 0, done.stderr
