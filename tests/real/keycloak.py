"""Keycloak, which EBRAINS's login is made of: fetched by Maven, checked by its hash, started on loopback with a realm like EBRAINS's."""

import json
import os
import secrets
import shutil
import subprocess
import zipfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
from tests.esd_build.registry.servers import free_port
from tests.real.process import Server
from tests.real.tls import Authority

from esd_build.tools.process import Account
from esd_localsite.state.layout import Layout
from esd_localsite.unicorex.programs.jars import Programs, provide
from esd_localsite.unicorex.programs.java import find_java, find_maven

HERE = Path(__file__).parent
REALM, CLIENT = "hbp", "esd-deploy"
HEAP = "-Xmx512m -XX:TieredStopAtLevel=1"
BUILD = ("build", "--db", "dev-file")
PROGRAMS = Programs("Keycloak", HERE / "pom.xml", HERE / "keycloak.sha256", "*.zip")


def why_not() -> str | None:
    """What this machine lacks for it; None where it lacks nothing."""
    try:
        find_java()
        find_maven()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the reason
        return str(error)
    return None


def built() -> Path:
    """The unpacked distribution with its start-up work done (10 s of a processor), kept beside the machine's local sites."""
    store = Layout("any").root / ".tests"
    archive = next(provide(store, PROGRAMS, os.environ, lambda _text: None).glob(PROGRAMS.kind))
    target = store / f"unpacked-keycloak-{PROGRAMS.key}"
    if not target.is_dir():
        new = target.with_name(f".{target.name}-{os.getpid()}")
        shutil.rmtree(new, ignore_errors=True)
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(new)
        (unpacked,) = new.iterdir()
        for script in (unpacked / "bin").glob("*.sh"):
            script.chmod(0o755)
        subprocess.run((unpacked / "bin" / "kc.sh", *BUILD), check=True, capture_output=True)
        unpacked.rename(target)
        new.rmdir()
    return target


@dataclass
class Keycloak:
    """One server. Its database outlives a restart."""

    folder: Path
    authority: Authority
    port: int = field(default_factory=free_port)
    password: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    administrator: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def issuer(self) -> str:
        return f"{self.url}/realms/{REALM}"

    @cached_property
    def web(self) -> httpx.Client:
        return httpx.Client(verify=self.authority.tls, timeout=60, trust_env=False)

    @cached_property
    def server(self) -> Server:
        """Prepared: its own copy of the programs, for it writes beside them."""
        home, pair = self.folder / "keycloak", self.authority.issue("keycloak")
        shutil.copytree(built(), home, symlinks=True)
        (home / "data" / "import").mkdir(parents=True)
        realm = json.loads((HERE / "realm.json").read_text())
        for user in realm["users"]:
            user["credentials"] = [{"type": "password", "value": self.password, "temporary": False}]
        (home / "data" / "import" / "realm.json").write_text(json.dumps(realm))
        Account.current().own(home)
        options = ("--import-realm", "--cache", "local", "--hostname", self.url, "--http-host", "127.0.0.1", "--https-port", str(self.port))
        files = ("--https-certificate-file", str(pair.certificate), "--https-certificate-key-file", str(pair.key))
        secret = {"KC_BOOTSTRAP_ADMIN_USERNAME": "admin", "KC_BOOTSTRAP_ADMIN_PASSWORD": self.administrator, "JAVA_OPTS_APPEND": HEAP}
        argv = (str(home / "bin" / "kc.sh"), "start", "--optimized", *options, *files)
        return Server("keycloak", argv, self.folder, secret, self._answers)

    def start(self) -> None:
        """Returns when it answers."""
        self.server.start()

    def stop(self) -> None:
        self.server.stop()

    def _answers(self) -> bool:
        try:
            return self.web.get(f"{self.issuer}/.well-known/openid-configuration").is_success
        except httpx.HTTPError:
            return False

    # --- what an administrator does

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """A question to the administrators' interface of the realm."""
        form = {"grant_type": "password", "client_id": "admin-cli", "username": "admin", "password": self.administrator}
        token = self.web.post(f"{self.url}/realms/master/protocol/openid-connect/token", data=form).raise_for_status().json()
        header = {"Authorization": f"Bearer {token['access_token']}"}
        answer = self.web.request(method, f"{self.url}/admin/realms/{REALM}{path}", headers=header, **options)
        return answer.raise_for_status()

    def configure(self, **settings: object) -> None:
        """Change the realm: `accessTokenLifespan` in seconds, `revokeRefreshToken`, …"""
        self.ask("PUT", "", json=settings)

    def end_logins(self, user: str = "esd") -> None:
        """End all of a user's logins, those that renew themselves too."""
        (found,) = self.ask("GET", "/users", params={"username": user, "exact": "true"}).json()
        client = next(one for one in self.ask("GET", "/clients", params={"clientId": CLIENT}).json())
        self.ask("POST", f"/users/{found['id']}/logout")
        for session in self.ask("GET", f"/users/{found['id']}/offline-sessions/{client['id']}").json():
            self.ask("DELETE", f"/sessions/{session['id']}", params={"isOffline": "true"})

    def token(self, user: str = "esd") -> str:
        """A token by password."""
        form = {"grant_type": "password", "client_id": CLIENT, "scope": "openid", "username": user, "password": self.password}
        answer = self.web.post(f"{self.issuer}/protocol/openid-connect/token", data=form).raise_for_status()
        return str(answer.json()["access_token"])

    def renewals(self) -> int:
        """How often a token was renewed since the server keeps events."""
        return len(self.ask("GET", "/events", params={"type": "REFRESH_TOKEN", "max": "10000"}).json())
