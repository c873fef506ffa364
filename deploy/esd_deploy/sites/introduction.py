"""What a site file of one's own names, told at its first use: a file from elsewhere says where secrets go and what runs at the site.

The decision is kept for the file's content: a changed file is told again. A script cannot answer, so it gets the notice and goes on.
"""

import contextlib
import hashlib
import sys
from collections.abc import Iterator

from esd_build.data.errors import UsageError
from esd_build.net.answers import printable
from esd_build.net.words import say
from esd_deploy.sites import familiar
from esd_deploy.sites.config import SiteConfig
from esd_deploy.sites.source import CredentialsSource

_LONGEST = 300
"""Characters of one value: a longer one is cut, and the file is named beside it."""


def introduce(config: SiteConfig) -> None:
    """Tell what the file names, and on a terminal ask, unless this content was used before. Raises UsageError where the answer is no."""
    if config.file is None:
        return
    mark = familiar.state() / "site-contents" / _digest(config)
    if mark.is_file():
        return
    say(f"esd-deploy: first use of the site file {config.file} with this content. It names:", err=True)
    for line in named(config):
        say(f"  {printable(line, _LONGEST)}", err=True)
    if sys.stdin.isatty() and sys.stderr.isatty() and not _agreed():
        raise UsageError(f"{config.file} is not used, as you decided; change it, or name another site with --site")
    with contextlib.suppress(OSError):  # then it is told again
        mark.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        mark.touch(mode=0o600)


def named(config: SiteConfig) -> Iterator[str]:
    """Where requests and secrets go, which secret is read, and what of the file runs at the site."""
    servers = (config.url, config.unicore_registry, config.queue_url)
    yield from (f"server: {address}" for address in servers if address)
    if config.registry:
        yield f"registry of images: {config.registry}"
    if config.status_file:
        yield f"local site, with its server and password: {config.status_file}"
    if config.credentials:
        yield f"secret that is read and sent: {', '.join(_secrets(config.credentials))}"
    yield from (f"authority that is trusted: {file}" for file in (config.ca_file, config.registry_ca_file) if file)
    if config.activation:
        yield f"command at the site: {config.activation}"
    if config.apptainer != "apptainer":
        yield f"program at the site: {config.apptainer}"
    if config.modules:
        yield f"modules at the site: {' '.join(config.modules)}"
    if config.environment:
        yield f"variables of each job: {' '.join(f'{name}={value}' for name, value in config.environment.items())}"
    if config.image_cache_keeper:
        yield f"account whose images are trusted: {config.image_cache_keeper}"


def _secrets(source: CredentialsSource) -> Iterator[str]:
    yield from (f"${name}" for name in (source.token_env, source.password_env) if name)
    yield from (f"the file {file}" for file in (source.token_file, source.password_file) if file)
    if source.jupyter:
        yield "the token of the EBRAINS JupyterLab"
    if source.oidc:
        yield f"the login at {source.oidc}"


def _digest(config: SiteConfig) -> str:
    """Of what was read, not of the file, which may have changed meanwhile."""
    return hashlib.sha256(config.model_dump_json().encode()).hexdigest()[:32]


def _agreed() -> bool:
    say("Use it? [y/N] ", err=True, nl=False)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
