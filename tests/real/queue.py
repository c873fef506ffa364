"""The real neuromorphic job queue (EBRAINS NMPI, version 3): its own source, on PostgreSQL, with logins by Keycloak.

Its source is not ours to keep: it is taken from beside the checkout, or from where `--queue-source` says.
"""

import hashlib
import os
import secrets
import shutil
import ssl
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import httpx
from tests.esd_build.registry.servers import free_port
from tests.real.keycloak import Keycloak
from tests.real.postgres import Postgres
from tests.real.process import Server

from esd_build.tools.process import Account
from esd_localsite.state.layout import Layout

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "queue-requirements.txt"
BESIDE = "shared/peers/nmpi/queue-api-*.tar.gz"
PROJECT, FULL = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
PROVIDER = 4
"""The number that the queue's code has for the provider of the platform Demo."""
TABLES = """\
import asyncio, sqlalchemy
from simqueue import db
async def main():
    await db.database.connect()
    for table in db.metadata.sorted_tables:
        await db.database.execute(str(sqlalchemy.schema.CreateTable(table).compile(dialect=sqlalchemy.dialects.postgresql.dialect())))
    await db.database.disconnect()
asyncio.run(main())
"""
START = """\
import os, certifi
certifi.where = lambda: os.environ["SSL_CERT_FILE"]
import uvicorn
tls = {"ssl_certfile": os.environ["CERT"], "ssl_keyfile": os.environ["KEY"]}
uvicorn.run("simqueue.main:app", host="127.0.0.1", port=int(os.environ["PORT"]), **tls)
"""
"""It trusts the authorities of the package certifi alone, whatever the environment says."""


def source(given: Path | None) -> Path | None:
    """The archive of the queue's source: as given, else beside the checkout."""
    return given or next(iter(sorted(HERE.parents[2].glob(BESIDE))), None)


def environment_of(requirements: Path) -> Path:
    """A Python environment with exactly these packages, made on first use and kept beside the machine's local sites."""
    store = Layout("any").root / ".tests"
    store.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:16]
    target = store / f"{requirements.stem}-{key}"
    if not (target / "complete").is_file():
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run((sys.executable, "-m", "venv", "--without-pip", str(target)), check=True)
        pip = (sys.executable, "-m", "pip", "--python", str(target / "bin" / "python"), "install", "--quiet", "--require-hashes")
        done = subprocess.run((*pip, "-r", str(requirements)), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        (target / "complete").touch()
    return target


@dataclass
class RealQueue:
    """One server. `key` is that of the machine that runs its jobs."""

    folder: Path
    archive: Path
    keycloak: Keycloak
    postgres: Postgres
    port: int = field(default_factory=free_port)
    key: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    password: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def ca_file(self) -> Path:
        return self.keycloak.authority.ca_file

    @property
    def tls(self) -> ssl.SSLContext:
        return self.keycloak.authority.tls

    @cached_property
    def web(self) -> httpx.Client:
        return httpx.Client(verify=self.tls, timeout=60, trust_env=False)

    @cached_property
    def python(self) -> Path:
        return environment_of(REQUIREMENTS) / "bin" / "python"

    @cached_property
    def code(self) -> Path:
        """The unpacked source."""
        subprocess.run(("tar", "--extract", "--file", str(self.archive), "--directory", str(self.folder)), check=True)
        (found,) = self.folder.glob("*/api")
        (found / "dashboard").mkdir(exist_ok=True)  # it offers pages from there, which the archive does not have
        Account.current().own(found.parent)
        return found

    @property
    def environment(self) -> dict[str, str]:
        """What it is told; its secrets among it."""
        place = {"NMPI_DATABASE_HOST": "127.0.0.1", "NMPI_DATABASE_PORT": str(self.postgres.port), "NMPI_DATABASE_USER": "queue"}
        login = {"EBRAINS_IAM_SERVICE_URL": self.keycloak.issuer, "EBRAINS_IAM_CLIENT_ID": "esd-deploy", "EBRAINS_IAM_SECRET": "none"}
        other = {"NMPI_BASE_URL": self.url, "NMPI_TMP_FILE_ROOT": str(self.folder / "tmp"), "SSL_CERT_FILE": str(self.ca_file)}
        collaboratories = {"EBRAINS_COLLAB_SERVICE_URL": f"{self.keycloak.url}/none/", "REQUESTS_CA_BUNDLE": str(self.ca_file)}
        secret = {"NMPI_DATABASE_PASSWORD": self.password, "SESSIONS_SECRET_KEY": secrets.token_hex(16)}
        return {**place, **login, **other, **collaboratories, **secret}

    @cached_property
    def server(self) -> Server:
        """Prepared: tables, a collaboratory whose quota is used up, the key of the machine."""
        self.postgres.execute("postgres", f"CREATE USER queue PASSWORD '{self.password}';")
        self.postgres.execute("postgres", "CREATE DATABASE nmpi OWNER queue;")
        command = (str(self.python), "-c", TABLES)
        environment = {**os.environ, **self.environment}
        tables = subprocess.run(command, cwd=self.code, env=environment, capture_output=True, text=True, check=False)
        assert tables.returncode == 0, tables.stderr
        self.postgres.execute("nmpi", self._content())
        pair = self.keycloak.authority.issue("queue")
        environment = {**self.environment, "PORT": str(self.port), "CERT": str(pair.certificate), "KEY": str(pair.key)}
        return Server("queue", (str(self.python), "-c", START), self.code, environment, self._answers)

    def _content(self) -> str:
        columns = "context, collab, owner, title, abstract, description, duration, accepted, submission_date, decision_date"
        project = f"INSERT INTO quotas_project ({columns})"
        quota = 'INSERT INTO quotas_quota (units, "limit", usage, platform, project_id)'
        return (
            f"{project} VALUES ('{PROJECT}', 'demo', 'esd', 't', 'a', 'd', 365, true, '2026-01-01', '2026-01-02'),"
            f" ('{FULL}', 'no-quota', 'esd', 't', 'a', 'd', 365, true, '2026-01-01', '2026-01-02');\n"
            f"{quota} VALUES ('hours', 1000, 0, 'Demo', '{PROJECT}'), ('hours', 1, 1, 'Demo', '{FULL}');\n"
            f"INSERT INTO tastypie_apikey (key, user_id, created) VALUES ('{self.key}', {PROVIDER}, now());\n"
        )

    def _answers(self) -> bool:
        try:
            return self.web.get(f"{self.url}/").is_success
        except httpx.HTTPError:
            return False
