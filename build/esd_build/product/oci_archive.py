"""An image's root file system as an OCI image with one layer, in the archive format that Docker and Podman load.

Follows the OCI image specification 1.1 (configuration), and Docker's image archive (`manifest.json`). The same SIF file gives the same
bytes, hence the same image identifier.
"""

import hashlib
import io
import json
import platform
import stat
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from esd_build.product.contents import Entry

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_TYPES = {"d": tarfile.DIRTYPE, "l": tarfile.SYMTYPE, "-": tarfile.REGTYPE}


@dataclass(frozen=True)
class Description:
    """What the configuration of an OCI image says."""

    name: str
    labels: Mapping[str, str]
    environment: Mapping[str, str]
    created: str


def write_layer(root: Path, entries: Mapping[str, Entry], target: Path) -> str:
    """Write the layer: files from the folder `root`, with the kind, owner and time that `entries` tell. Returns its SHA-256, hex."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as layer:
        for path, entry in sorted(entries.items()):
            if path == "/" or entry.mode[0] not in _TYPES:
                continue
            info = _member(path, entry)
            if entry.mode[0] == "-":
                with (root / path.lstrip("/")).open("rb") as file:
                    layer.addfile(info, file)
            else:
                layer.addfile(info)
    with target.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write(layer: Path, layer_sha256: str, description: Description, target: Path) -> str:
    """Write the archive around a layer; returns the image's identifier, `sha256:…`."""
    config = json.dumps(_configuration(layer_sha256, description), sort_keys=True).encode()
    identifier = hashlib.sha256(config).hexdigest()
    manifest = [{"Config": f"{identifier}.json", "RepoTags": [description.name], "Layers": [f"{layer_sha256}.tar"]}]
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        _add(archive, f"{identifier}.json", config)
        archive.add(layer, f"{layer_sha256}.tar", filter=_plain)
        _add(archive, "manifest.json", json.dumps(manifest).encode())
    return f"sha256:{identifier}"


def _configuration(layer_sha256: str, description: Description) -> dict[str, object]:
    return {
        "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "created": description.created,
        "config": {
            "Cmd": ["/bin/bash"],
            "Env": [f"{name}={value}" for name, value in sorted(description.environment.items())],
            "Labels": dict(description.labels),
            "WorkingDir": "/",
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_sha256}"]},
        "history": [{"created": description.created, "created_by": "esd-build oci"}],
    }


def _member(path: str, entry: Entry) -> tarfile.TarInfo:
    info = tarfile.TarInfo(path.lstrip("/"))
    info.type, info.mode = _TYPES[entry.mode[0]], permissions(entry.mode)
    info.uid, info.gid = (int(part) for part in entry.owner.split("/"))
    info.mtime = entry.time or 0
    if entry.mode[0] == "l":
        info.linkname = entry.content
    elif entry.mode[0] == "-":
        info.size = int(entry.size)
    return info


def permissions(mode: str) -> int:
    """`-rwsr-xr-t` as a number."""
    bits = sum(1 << (8 - position) for position, letter in enumerate(mode[1:]) if letter not in "-ST")
    special = (stat.S_ISUID, stat.S_ISGID, stat.S_ISVTX)
    return bits | sum(flag for flag, letter in zip(special, (mode[3], mode[6], mode[9]), strict=True) if letter in "sStT")


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def _plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.mtime, info.uid, info.gid, info.uname, info.gname, info.mode = 0, 0, 0, "", "", 0o644
    return info
