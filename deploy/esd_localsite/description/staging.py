"""What a job brings in and sends out: the `Imports` and `Exports` of its description."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from esd_localsite.description.credentials import Credentials, parse_credentials
from esd_localsite.description.fields import Json, file_name
from esd_localsite.description.resources import DescriptionError

_PROTOCOLS = ("BFT",)
"""Transfer protocols that may stand before an address; BFT is plain HTTPS."""


@dataclass(frozen=True)
class StoredFile:
    """A file in a storage of this server; the name may end in a wildcard."""

    storage: str
    name: str


@dataclass(frozen=True)
class LocalFile:
    """A file of the login node, by its full path."""

    path: str


@dataclass(frozen=True)
class WebFile:
    """A file on some other web server. Another UNICORE server counts as one, and refuses: it does not know this server's signature."""

    url: str


Place = StoredFile | LocalFile | WebFile


@dataclass(frozen=True)
class Import:
    """A file that the job needs: from elsewhere, or (`data`) from the description itself."""

    path: str
    source: str
    data: str | None = None
    fail_on_error: bool = True
    credentials: Credentials | None = None


@dataclass(frozen=True)
class Export:
    """A file that the job produces, and its destination."""

    path: str
    target: str
    fail_on_error: bool = True


def parse_imports(fields: Mapping[str, Json]) -> tuple[Import, ...]:
    """The `Imports`. Raises DescriptionError."""
    return tuple(_import(entry) for entry in _entries(fields, "Imports"))


def parse_exports(fields: Mapping[str, Json]) -> tuple[Export, ...]:
    """The `Exports`. Raises DescriptionError."""
    return tuple(
        Export(
            file_name(str(entry["From"]), "Exports/From"),
            str(entry["To"]),
            _fails(entry),
        )
        for entry in _entries(fields, "Exports")
    )


def place(address: str, own_hosts: frozenset[str], own_path: str) -> Place:
    """What an address means to the server that answers at `own_hosts` (host:port) below `own_path`. Raises DescriptionError."""
    protocol, _, rest = address.partition(":")
    if rest.startswith(("http://", "https://")):
        if protocol not in _PROTOCOLS:
            raise DescriptionError(f"Protocol '{protocol}' is not available: use {', '.join(_PROTOCOLS)}, or none")
        address = rest
    try:
        parts = urlsplit(address)
        host = parts.netloc.lower()
    except ValueError as error:
        raise DescriptionError(f"'{address}' is not an address: {error}") from error
    if "@" in host:
        raise DescriptionError("An address must not hold a name or password: write them as 'Credentials'")
    prefix = f"{own_path}/rest/core/storages/"
    if parts.scheme == "https" and host in own_hosts and parts.path.startswith(prefix):
        storage, _, name = parts.path.removeprefix(prefix).partition("/files")
        return StoredFile(storage, unquote(name))
    if parts.scheme == "file" and not host:
        return LocalFile(unquote(parts.path))
    if parts.scheme in {"http", "https"} and host:
        return WebFile(address)
    raise DescriptionError(f"this site cannot reach '{address}': use https://, file:///, or inline://NAME with 'Data'")


def _entries(fields: Mapping[str, Json], key: str) -> list[Mapping[str, Json]]:
    entries = fields.get(key) or []
    if not isinstance(entries, list):
        raise DescriptionError(f"'{key}' must be a list")
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("To"), str) or not isinstance(entry.get("From", ""), str):
            raise DescriptionError(f"Each of the '{key}' must be an object with 'From' and 'To'")
        if key == "Exports" and "From" not in entry:
            raise DescriptionError("Each of the 'Exports' must be an object with 'From' and 'To'")
    return entries


def _fails(entry: Mapping[str, Json]) -> bool:
    """`FailOnError`: UNICORE reads a string here and ignores everything else."""
    said = entry.get("FailOnError", "true")
    return not isinstance(said, str) or said.lower() == "true"


def _import(entry: Mapping[str, Json]) -> Import:
    source, data = str(entry.get("From", "")), entry.get("Data")
    inline = source.startswith("inline:") or (not source and data is not None)
    if inline and data is None:
        raise DescriptionError(f"Import from '{source}' needs 'Data'")
    if not source and not inline:
        raise DescriptionError("Each of the 'Imports' must be an object with 'From' and 'To'")
    text = None
    if inline:
        text = "\n".join(map(str, data)) + "\n" if isinstance(data, list) else str(data)
    return Import(file_name(str(entry["To"]), "Imports/To"), source, text, _fails(entry), parse_credentials(entry))
