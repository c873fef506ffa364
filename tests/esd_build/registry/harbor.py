"""A stand-in for Harbor, because there is none here: not Harbor, but what its REST API 2.0 and its registry say to the calls that we make.

Written after Harbor's `api/v2.0/swagger.yaml` and its sources: `src/server/v2.0/handler` (project, immutable, ping),
`src/server/middleware` (v2auth, immutable, quota, subject), `src/lib/http/error.go`. Blobs and manifests are kept by the real
docker-registry behind it. It has one account.
"""

import base64
import fnmatch
import hashlib
import json
import re
import time
import urllib.parse
from dataclasses import dataclass, field

from tests.esd_build.registry.proxy import FaultProxy, Handler
from tests.esd_build.registry.servers import RegistryServer

INDEX = "application/vnd.oci.image.index.v1+json"
ACCOUNT, SECRET = "robot$esd+ci", "se:cret"


@dataclass
class ProjectState:
    """A project: quota and use in bytes, patterns of (repository, tag) that are immutable."""

    quota: int = -1
    used: int = 0
    immutable: list[tuple[str, str]] = field(default_factory=list)
    may_see: bool = True  # whether the account may see quota and rules
    tags: set[tuple[str, str]] = field(default_factory=set)


class Harbor(FaultProxy):
    """Tokens live `token_life_s`. `public`: whoever has no account may pull."""

    def __init__(self, upstream: RegistryServer, *, token_life_s: float = 1800) -> None:
        super().__init__(upstream)
        self.projects: dict[str, ProjectState] = {"esd": ProjectState()}
        self.token_life_s = token_life_s
        self.public = False
        self.scopes: dict[str, str] = {}
        self.tokens: dict[str, float] = {}
        self.given = 0
        self.referrers: dict[str, list[dict[str, object]]] = {}

    def answer(self, handler: Handler) -> bool:
        path = urllib.parse.urlsplit(handler.path)
        if path.path == "/api/v2.0/ping":
            handler.reply(200, '"Pong"\n', {"Content-Type": "application/json"})
        elif path.path.startswith("/api/v2.0/projects"):
            self._project(handler, path.path.split("/")[4:], dict(urllib.parse.parse_qsl(path.query)))
        elif path.path == "/service/token":
            self._token(handler)
        else:
            return self._registry(handler, path.path)
        return True

    def _project(self, handler: Handler, rest: list[str], query: dict[str, str]) -> None:
        if not is_account(handler):
            refuse(handler, 401, "UNAUTHORIZED", "unauthorized")
            return
        project = self.projects.get(rest[0] if rest else query.get("project_name", ""))
        if project is None:
            refuse(handler, 404, "NOT_FOUND", "project not found")
        elif not rest:
            handler.reply(200)
        elif not project.may_see:
            refuse(handler, 403, "FORBIDDEN", "forbidden")
        elif rest[1:] == ["summary"]:
            quota = {"hard": {"storage": project.quota}, "used": {"storage": project.used}}
            handler.reply(200, json.dumps({"repo_count": 1, "quota": quota}), {"Content-Type": "application/json"})
        elif rest[1:] == ["immutabletagrules"]:
            rules = [rule(number, *patterns) for number, patterns in enumerate(project.immutable, 1)]
            handler.reply(200, json.dumps(rules), {"Content-Type": "application/json", "X-Total-Count": str(len(rules))})

    def _token(self, handler: Handler) -> None:
        nobody = "Authorization" not in handler.headers
        asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(handler.path).query)).get("scope", "")
        if not is_account(handler) and not (nobody and self.public):
            refuse(handler, 401, "UNAUTHORIZED", "unauthorized")
            return
        self.given += 1
        token = f"token-{self.given}"
        self.scopes[token] = asked.removesuffix(",push") if nobody else asked
        self.tokens[token] = time.monotonic() + self.token_life_s
        content = {"token": token, "access_token": "", "expires_in": int(self.token_life_s), "issued_at": "2026-01-01T00:00:00Z"}
        handler.reply(200, json.dumps(content), {"Content-Type": "application/json"})

    def _registry(self, handler: Handler, path: str) -> bool:
        """True where the request was refused; False where the registry may answer it."""
        sent = handler.headers.get("Authorization", "")
        token = sent.removeprefix("Bearer ")
        needed = scope_of(path, "pull" if handler.command in {"GET", "HEAD"} else "pull,push")
        if self.tokens.get(token, 0) < time.monotonic() or not self.scopes[token].startswith(needed):
            # Harbor asks for a token only where nothing was sent, for Basic where something was.
            bearer = f'Bearer realm="https://{self.host}/service/token",service="harbor-registry",scope="{needed}"'
            challenge = 'Basic realm="harbor"' if sent else bearer
            refuse(handler, 401, "UNAUTHORIZED", "unauthorized to access repository", {"Www-Authenticate": challenge})
            return True
        if "/referrers/" in path:
            listed = {"schemaVersion": 2, "mediaType": INDEX, "manifests": self.referrers.get(path.rpartition("/")[2], [])}
            handler.reply(200, json.dumps(listed), {"Content-Type": INDEX})
            return True
        return self._manifest(handler, path)

    def _manifest(self, handler: Handler, path: str) -> bool:
        """True where a rule of the project refuses the request."""
        name, _, tag = path.removeprefix("/v2/").partition("/manifests/")
        project, _, repository = name.partition("/")
        state = self.projects.get(project)
        if tag and state is None:
            refuse(handler, 401, "UNAUTHORIZED", f"project {project} not found", {"Www-Authenticate": ""})
            return True
        if not tag or state is None or handler.command != "PUT":
            return False
        if (repository, tag) in state.tags and any(
            fnmatch.fnmatch(repository, repositories) and fnmatch.fnmatch(tag, tags) for repositories, tags in state.immutable
        ):
            refuse(handler, 412, "PRECONDITION", f"Failed to process request due to '{repository}:{tag}' configured as immutable.")
            return True
        if 0 <= state.quota < state.used + 1:
            limit = "which when updated to current usage of 1.0 MiB will exceed the configured upper limit of 1.0 MiB."
            refuse(handler, 403, "DENIED", f"adding 1.0 MiB of storage resource, {limit}")
            return True
        state.tags.add((repository, tag))
        self._note_subject(handler)
        return False

    def _note_subject(self, handler: Handler) -> None:
        content = handler.take()
        manifest = json.loads(content)
        if "subject" in manifest:
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
            kind = {"mediaType": manifest["mediaType"], "artifactType": manifest.get("artifactType", "")}
            known = self.referrers.setdefault(manifest["subject"]["digest"], [])
            known[:] = [other for other in known if other["digest"] != digest]
            known.append({**kind, "digest": digest, "size": len(content), "annotations": manifest.get("annotations", {})})
            handler.more_headers["OCI-Subject"] = manifest["subject"]["digest"]


def scope_of(path: str, actions: str) -> str:
    """What a request needs, as Harbor says it."""
    name = re.split(r"/(?:manifests|blobs|tags|referrers)/", path.removeprefix("/v2/"))[0]
    return f"repository:{name}:{actions}"


def rule(number: int, repositories: str, tags: str) -> dict[str, object]:
    """An immutability rule as Harbor lists it."""
    return {
        "id": number,
        "priority": 0,
        "disabled": False,
        "action": "immutable",
        "template": "immutable_template",
        "tag_selectors": [{"kind": "doublestar", "decoration": "matches", "pattern": tags}],
        "scope_selectors": {"repository": [{"kind": "doublestar", "decoration": "repoMatches", "pattern": repositories}]},
    }


def is_account(handler: Handler) -> bool:
    expected = base64.b64encode(f"{ACCOUNT}:{SECRET}".encode()).decode()
    return handler.headers.get("Authorization") == f"Basic {expected}"


def refuse(handler: Handler, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
    """An error in Harbor's form."""
    content = json.dumps({"errors": [{"code": code, "message": message}]})
    handler.reply(status, content, {"Content-Type": "application/json; charset=utf-8", **(headers or {})})
