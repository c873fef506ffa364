"""Asks a Harbor's REST interface about a project, over the registry's own connection: with its limits, its TLS and its patience.

Follows Harbor's `api/v2.0/swagger.yaml`. What an account may not look at is None.
"""

from collections.abc import Iterator, Mapping
from typing import TypeVar
from urllib.parse import quote

import requests
from oras.auth.utils import get_basic_auth
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from esd_build.data.errors import ToolError, UsageError
from esd_build.net.answers import parsed
from esd_build.registry.credentials import Credentials
from esd_build.registry.harbor.rules import Project, Rule, Selector
from esd_build.registry.session import Connection

_PAGE = 100
_ACCEPTED = frozenset({200, 401, 403, 404})
T = TypeVar("T")


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Quota(_Part):
    hard: dict[str, int] | None = None
    used: dict[str, int] | None = None


class _Summary(_Part):
    quota: _Quota | None = None


class _Selector(_Part):
    pattern: str = ""
    decoration: str | None = None


class _Entry(_Part):
    disabled: bool | None = None
    scope_selectors: dict[str, list[_Selector]] | None = None
    tag_selectors: list[_Selector] | None = None


_SUMMARY = TypeAdapter(_Summary)
_RULES = TypeAdapter(list[_Entry])


def look(connection: Connection, name: str, credentials: Credentials) -> Project:
    """Ask for a project. Raises UsageError if there is none, or if the account is refused; ToolError if Harbor does not answer."""
    harbor = _Harbor(connection, name, credentials)
    if harbor.ask("HEAD", "/projects", {"project_name": name}).status_code != requests.codes.ok:
        raise UsageError(f"Harbor has no project '{name}', or hides it from this account; create the project before you push images")
    place = f"/projects/{quote(name, safe='')}"
    summary, rules = harbor.read(f"{place}/summary", _SUMMARY), harbor.read(f"{place}/immutabletagrules?page_size={_PAGE}", _RULES)
    quota = (summary.quota if summary else None) or _Quota()
    listed = None if rules is None else tuple(rule for entry in rules if not entry.disabled for rule in _rule(entry))
    return Project(name, _storage(quota.hard), _storage(quota.used), listed)


class _Harbor:
    """The questions that are asked about one project."""

    def __init__(self, connection: Connection, name: str, credentials: Credentials) -> None:
        self._connection = connection
        self._doing = f"asking Harbor at {connection.host} for project '{name}'"
        self._credentials = credentials

    def ask(self, method: str, path: str, query: Mapping[str, str] | None = None) -> requests.Response:
        """An answer, whatever Harbor thinks of the question. Raises UsageError if it refuses the account."""
        url = requests.Request(method, f"https://{self._connection.host}/api/v2.0{path}", params=query).prepare().url or ""
        account = self._credentials
        basic = {"Authorization": f"Basic {get_basic_auth(account.username, account.password)}"}
        answer = self._connection.patiently(method, url, self._doing, accepted=_ACCEPTED, headers=basic)
        if answer.status_code == requests.codes.unauthorized:
            where = f"Harbor at {self._connection.host}"
            raise UsageError(f"{where} refuses the account '{account.username}' (from {account.source}): wrong or expired")
        return answer

    def read(self, path: str, form: TypeAdapter[T]) -> T | None:
        """A document; None if the account may not see it."""
        answer = self.ask("GET", path)
        if answer.status_code != requests.codes.ok:
            return None
        try:
            return form.validate_python(parsed(answer.content, self._doing))
        except ValidationError as error:
            raise ToolError(f"{self._doing}: the answer has another form than Harbor's ({error.errors()[0]['msg']})") from None


def _storage(values: Mapping[str, int] | None) -> int | None:
    return (values or {}).get("storage")


def _rule(entry: _Entry) -> Iterator[Rule]:
    """Harbor looks at the first selector of each kind only (`src/pkg/immutable/match/rule` in its sources)."""
    repositories = (entry.scope_selectors or {}).get("repository") or []
    if repositories and entry.tag_selectors:
        repository, tag = repositories[0], entry.tag_selectors[0]
        yield Rule(
            Selector(repository.pattern, repository.decoration == "repoExcludes"), Selector(tag.pattern, tag.decoration == "excludes")
        )
