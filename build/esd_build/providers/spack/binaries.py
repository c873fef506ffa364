"""Packages that Spack has built: from this machine's cache into an OCI registry, and back, each one signed and checked by digest.

The registry holds them as Spack's own OCI build cache, which any Spack can use. Spack does not sign OCI caches. So each package's
manifest is signed, as images are. Nothing is taken from the registry whose signature does not count, or which is another package than its
tag says. What somebody else put there is not signed with our key by pushing.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from esd_build.data.errors import ToolError, UsageError
from esd_build.data.reference import ImageReference
from esd_build.providers.spack.locks.lockfile import Lock
from esd_build.providers.spack.workshop.tool import CACHE, WORK, Spack
from esd_build.registry import Credentials, Registry
from esd_build.signing import PrivateKey, PublicKey, check, require, sign
from esd_build.tools.process import Finished

BUILT = "built"
_USER, _PASSWORD = "ESD_OCI_CACHE_USER", "ESD_OCI_CACHE_PASSWORD"
_CA = "registry-ca.pem"


@dataclass(frozen=True)
class Place:
    """A repository in a registry that holds a build cache, and how its registry is reached."""

    reference: ImageReference
    ca_file: Path | None

    @classmethod
    def parse(cls, text: str, ca_file: Path | None) -> "Place":
        """`host/repository`, with or without `oci://`."""
        return cls(ImageReference.parse(f"{text.removeprefix('oci://').rstrip('/')}:index.spack"), ca_file)

    @property
    def url(self) -> str:
        return f"oci://{self.reference.registry}/{self.reference.repository}"

    def package(self, tag: str) -> ImageReference:
        """One package of the cache."""
        return ImageReference(self.reference.registry, self.reference.repository, tag)

    @property
    def registry(self) -> Registry:
        return Registry(self.reference.registry, ca_file=self.ca_file)


def tags(lock: Lock) -> tuple[str, ...]:
    """Where Spack keeps each package of a lock that is built at all (Spack 1.1, `_oci_default_tag`)."""
    built = (package for package in lock.packages.values() if not package.is_external)
    return tuple(sorted(f"{package.name}-{package.version}-{package.hash}.spack" for package in built))


def push(spack: Spack, environment: str, place: Place, lock: Lock, key: PrivateKey | None, *, replace: bool) -> tuple[int, int]:
    """Push what was built of an environment's lock, and sign it: (packages in the registry, newly signed).

    Spack leaves alone what is there. So, where a key is given, UsageError for packages that it has not signed, unless they are replaced.
    Who may write to the registry and replaces a package between push and signature by one of the same name is not found out.
    """
    found = unsigned(place, lock, (key.public,)) if key and not replace else ()
    if found:
        raise UsageError(
            f"{place.url} has {len(found)} packages that this key has not signed: {', '.join(found[:5])}; "
            "`--replace` pushes yours in their place (also after a push that was cut off)"
        )
    force = ("--force",) if replace else ()
    with _access(spack, place, source=f"file://{CACHE}/{BUILT}"):
        _installed(spack, environment)
        _done(spack("buildcache", "push", "--unsigned", *force, "--update-index", "target", environment=environment), "pushing packages")
    registry, digests = place.registry, digests_of(place, lock)
    if len(digests) < len(tags(lock)):
        raise ToolError(f"{place.url} has {len(digests)} of {len(tags(lock))} packages after the push; push again")
    packages = {tag: place.package(tag).with_digest(digest) for tag, digest in digests.items()} if key else {}
    for tag, package in packages.items():
        _require_named(registry, package, tag)
    return len(digests), sum(sign(registry, package, key) for package in packages.values()) if key else 0


def pull(spack: Spack, environment: str, place: Place, lock: Lock, keys: tuple[PublicKey, ...]) -> int:
    """Take the packages of a lock from the registry into this machine's cache; returns how many.

    Raises UsageError if one is not there, not signed by a key that counts or another package, ToolError if one changed meanwhile.
    """
    digests = digests_of(place, lock)
    absent = [tag for tag in tags(lock) if tag not in digests]
    if absent:
        raise UsageError(f"{place.url} lacks {len(absent)} of {len(tags(lock))} packages: {', '.join(absent[:5])}")
    registry = place.registry
    for tag, digest in digests.items() if keys else ():
        require(registry, place.package(tag).with_digest(digest), keys)
        _require_named(registry, place.package(tag).with_digest(digest), tag)
    with _access(spack, place, source=place.url, target=f"file://{CACHE}/{BUILT}"):
        _installed(spack, environment)
        if digests_of(place, lock) != digests:
            raise ToolError(f"{place.url} changed during the pull; nothing was kept, pull again")
        _done(spack("buildcache", "push", "--unsigned", "--update-index", "target", environment=environment), "keeping what was pulled")
    return len(digests)


def unsigned(place: Place, lock: Lock, keys: tuple[PublicKey, ...]) -> tuple[str, ...]:
    """The packages of a lock in the registry that none of the keys signed."""
    registry = place.registry
    found = digests_of(place, lock).items()
    return tuple(tag for tag, digest in found if check(registry, place.package(tag).with_digest(digest), keys).outcome != "passed")


def digests_of(place: Place, lock: Lock) -> dict[str, str]:
    """The manifests' digests of the packages of a lock that the registry has."""
    registry = place.registry
    there = set(registry.tags(place.reference))
    found = {tag: registry.digest(place.package(tag)) for tag in tags(lock) if tag in there}
    return {tag: digest for tag, digest in found.items() if digest is not None}


def _require_named(registry: Registry, package: ImageReference, tag: str) -> None:
    """Raises UsageError if a tag names another package, though a signed one: Spack would unpack it in the place of the right one."""
    content = registry.store.manifest(package)
    try:
        config = json.loads(content or b"")["config"]
        root = json.loads(registry.store.get_blob(package, config["digest"], config["size"]))["spec"]["nodes"][0]
        found = f"{root['name']}-{root['version']}-{root['hash']}.spack"
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        raise UsageError(f"{package} is refused: it is not a package of a Spack build cache ({error!r})") from error
    if found != tag:
        raise UsageError(f"{package} is refused: it is {found}, which somebody put under this tag; push the right one with `--replace`")


def _installed(spack: Spack, environment: str) -> None:
    """Unpack the environment's packages into the working folder's store; nothing is built."""
    options = ("--only-concrete", "--cache-only", "--include-build-deps", "--no-check-signature")
    _done(spack("install", *options, environment=environment), "unpacking built packages")


def _done(finished: Finished, doing: str) -> None:
    if finished.returncode != 0:
        lines = [line for line in finished.tail if "rror" in line] or list(finished.tail[-5:])
        raise ToolError(f"{doing} failed:\n" + "\n".join(f"  {line}" for line in lines[:10]))


@contextmanager
def _access(spack: Spack, place: Place, *, source: str, target: str | None = None) -> Iterator[None]:
    """Name both caches in Spack's configuration; the account reaches it through variables, never through a file or a command line."""
    account = Credentials.find(place.reference.registry, named=True)
    config = spack.work / "scope"
    (config / "mirrors.yaml").write_text(mirrors(source, target or place.url, place.url, with_account=account is not None))
    if place.ca_file:
        (spack.work / _CA).write_bytes(place.ca_file.read_bytes())
        with (config / "config.yaml").open("a") as file:
            file.write(f"  ssl_certs: {WORK}/{_CA}\n")
    spack.apptainer.account.own(spack.work)
    with _variables({_USER: account.username, _PASSWORD: account.password} if account else {}):
        yield


def mirrors(source: str, target: str, registry: str, *, with_account: bool) -> str:
    """Spack's configuration of the two caches: `source` is read, `target` is written."""
    account = f", access_pair: {{id_variable: {_USER}, secret_variable: {_PASSWORD}}}" if with_account else ""
    entries = {"origin": source, "target": target}
    lines = [f"  {name}: {{url: '{url}', signed: false{account if url == registry else ''}}}\n" for name, url in entries.items()]
    return "mirrors:\n" + "".join(lines)


@contextmanager
def _variables(values: Mapping[str, str]) -> Iterator[None]:
    """Apptainer hands variables with its prefix into a container, clean environment or not."""
    named = {f"APPTAINERENV_{name}": value for name, value in values.items()}
    os.environ.update(named)
    try:
        yield
    finally:
        for name in named:
            del os.environ[name]
