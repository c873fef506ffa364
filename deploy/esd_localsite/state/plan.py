"""The network and ports of one site on this machine: chosen once, then remembered."""

import hashlib
import zlib
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from ipaddress import IPv4Address, IPv4Network
from itertools import chain
from pathlib import Path
from typing import Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from esd_localsite.errors import LocalSiteError
from esd_localsite.state.layout import LOGIN, NODES, Layout
from esd_localsite.state.options import SiteOptions

_NETWORKS = tuple(IPv4Network("10.231.0.0/16").subnets(new_prefix=24))
_PORTS = range(20000, 32000)  # below the kernel's range for outgoing connections, which could occupy them at random
_FIRST_NODE = 11
_T = TypeVar("_T")


class Ports(BaseModel):
    """The site's TCP ports on the login side."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    slurmctld: int
    registry: int
    unicore: int
    login: int | None = None
    """The registry's token service; None in the plan of an older version."""
    server: int | None = None
    """The real server's own port, behind the front. Only sites with the real server have this and the following ports."""
    tsi: int | None = None
    tsi_reply: int | None = None


class SitePlan(BaseModel):
    """One site's place on the machine, as kept in `site.json`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    name: str
    owner: str
    """The checkout whose code the site runs."""
    code: str
    """Fingerprint of that code."""
    network: IPv4Network
    ports: Ports
    node_memory_mb: int
    options: SiteOptions = SiteOptions()
    starts: int = 1
    """How often the site was started. The first job number of each start depends on it: see `first_job`."""

    @property
    def first_job(self) -> int:
        """All jobs of earlier starts have smaller numbers, so that nobody takes a new job for an old one.

        Slurm's largest number is 67 043 328.
        """
        return self.starts % 6000 * 10_000 + 1

    def address(self, host: str) -> IPv4Address:
        """The address of the login side or of a compute node on the site's network."""
        return self.network[1 if host == LOGIN else _FIRST_NODE + NODES.index(host)]

    @property
    def unicore_site(self) -> str:
        """The site's name as UNICORE spells it, in URLs too."""
        return self.options.unicore_site or self.name.upper()

    @property
    def unicore_url(self) -> str:
        return f"https://127.0.0.1:{self.ports.unicore}/{self.unicore_site}/rest/core"

    @property
    def nmpi_url(self) -> str:
        """The neuromorphic queue, at the root of the same server."""
        return f"https://127.0.0.1:{self.ports.unicore}"

    @property
    def oidc_url(self) -> str:
        """The issuer of the tokens that the site accepts."""
        return f"{self.nmpi_url}/{self.unicore_site}/oidc"

    @property
    def registry(self) -> str:
        return f"127.0.0.1:{self.ports.registry}"

    @classmethod
    def read(cls, layout: Layout) -> Self | None:
        """The remembered plan; None for a site that was never up. Raises LocalSiteError if the file is damaged."""
        try:
            return cls.model_validate_json(layout.plan.read_text())
        except FileNotFoundError:
            return None
        except ValidationError as error:
            raise LocalSiteError(
                f"{layout.plan} is damaged ({error.error_count()} errors): "
                f"`esd-deploy local down --name {layout.name} --purge` clears the site, with all its images and jobs"
            ) from error


def choose_network(name: str, remembered: IPv4Network | None, taken: Iterable[IPv4Network]) -> IPv4Network:
    """The remembered network, else the first of 10.231.0.0/16 that overlaps nothing in `taken`.

    The search starts at a place that depends on the name, so that sites differ even while one of them is down.
    """
    used = tuple(taken)
    for network in _candidates(name, _NETWORKS, remembered):
        if not any(network.overlaps(other) for other in used):
            return network
    raise LocalSiteError("no free /24 network in 10.231.0.0/16: stop a site (`esd-deploy local down --name …`)")


def choose_port(role: str, remembered: int | None, is_free: Callable[[int], bool]) -> int:
    """The remembered port if it is free, else the first free one from a place that depends on the role ("local registry")."""
    for port in _candidates(role, _PORTS, remembered):
        if is_free(port):
            return port
    raise LocalSiteError(f"no free port between {_PORTS.start} and {_PORTS.stop} for the {role}")


def _candidates(key: str, everything: Sequence[_T], first: _T | None) -> Iterable[_T]:
    start = zlib.crc32(key.encode()) % len(everything)
    return chain([] if first is None else [first], everything[start:], everything[:start])


@cache
def checkout() -> Path:
    """The checkout from which this code runs, or the virtual environment into which it was installed."""
    package = Path(__file__).resolve().parents[1]
    root = package.parents[1]
    return root if (root / "pyproject.toml").is_file() else package


@cache
def code_fingerprint() -> str:
    """A hash of this package's source: shows whether other code started a running site."""
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for source in sorted(package.rglob("*.py")):
        digest.update(source.relative_to(package).as_posix().encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
