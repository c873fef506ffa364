"""Asks a Harbor, through harborapi: the only module that knows it. Its 200 models take half a second to load, so it is imported late."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import requests
from harborapi import HarborAsyncClient
from harborapi.exceptions import Forbidden, StatusError
from harborapi.models import ImmutableRule

from esd_build.data.errors import EsdError, ToolError, UsageError
from esd_build.net.allowance import ANSWER, tls
from esd_build.registry.credentials import Credentials
from esd_build.registry.harbor import Project, Rule, Selector


def look(host: str, name: str, credentials: Credentials, ca_file: Path | None) -> Project:
    """Ask for a project. Raises UsageError where there is none, or where the account is refused; ToolError where Harbor does not answer."""
    client = HarborAsyncClient(
        f"https://{host}/api/v2.0/",
        username=credentials.username,
        secret=credentials.password,
        verify=tls(ca_file),
        follow_redirects=False,
        retry=None,
        timeout=30.0,
    )
    try:
        return asyncio.run(asyncio.wait_for(_asked(client, name), ANSWER.seconds))
    except StatusError as error:
        raise _refusal(host, name, credentials, error.status_code) from error
    except (httpx.HTTPError, ValueError, TimeoutError) as error:
        raise ToolError(f"asking Harbor at {host} for project '{name}': {error}") from error


async def _asked(client: HarborAsyncClient, name: str) -> Project:
    async with client.client:
        if not await client.project_exists(name):
            raise UsageError(f"Harbor has no project '{name}', or hides it from this account; it must be made before images can be pushed")
        quota, used = await _storage(client, name)
        return Project(name, quota, used, await _rules(client, name))


async def _storage(client: HarborAsyncClient, name: str) -> tuple[int | None, int | None]:
    with contextlib.suppress(Forbidden):
        quota = (await client.get_project_summary(name)).quota
        if quota is not None and quota.hard is not None and quota.used is not None:
            return (quota.hard.root or {}).get("storage"), (quota.used.root or {}).get("storage")
    return None, None


async def _rules(client: HarborAsyncClient, name: str) -> tuple[Rule, ...] | None:
    with contextlib.suppress(Forbidden):
        listed = await client.get_project_immutable_tag_rules(name, page_size=100)
        return tuple(rule for entry in listed if not entry.disabled for rule in _rule(entry))
    return None


def _rule(entry: ImmutableRule) -> Iterator[Rule]:
    """Harbor looks at the first selector of each kind only (`src/pkg/immutable/match/rule` in its sources)."""
    repositories = (entry.scope_selectors or {}).get("repository") or []
    if repositories and entry.tag_selectors:
        repository, tag = repositories[0], entry.tag_selectors[0]
        yield Rule(
            Selector(repository.pattern or "", repository.decoration == "repoExcludes"),
            Selector(tag.pattern or "", tag.decoration == "excludes"),
        )


def _refusal(host: str, name: str, credentials: Credentials, status: int) -> EsdError:
    if status == requests.codes.unauthorized:
        return UsageError(f"Harbor at {host} refuses the account '{credentials.username}' (from {credentials.source}): wrong or expired")
    return ToolError(f"asking Harbor at {host} for project '{name}': it answered {status}")
