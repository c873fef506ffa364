"""What is done to an image in the registry's own storage is found out: python -m benchmarks.registry.tampered [--oras PATH].

Fails unless each alteration is refused.
"""

import argparse
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.registry.measure import random_file
from tests.esd_build.registry.servers import Place, RegistryServer, running_registry

from esd_build import signing
from esd_build.data.errors import EsdError
from esd_build.registry import PublishedImage
from esd_build.signing import PrivateKey, PublicKey

_SIZE = 8 * 1024**2


def refused(what: str, action: Callable[[], object]) -> None:
    """Do what must not work, and print what was said."""
    try:
        action()
    except EsdError as error:
        print(f"* {what}: {error}")
    else:
        raise SystemExit(f"{what}: not refused")


def alter(file: Path, offset: int) -> None:
    """Change one bit."""
    with file.open("r+b") as stream:
        stream.seek(offset)
        byte = stream.read(1)[0]
        stream.seek(offset)
        stream.write(bytes([byte ^ 1]))


def by_oras(oras: str, server: RegistryServer, image: PublishedImage, folder: Path) -> None:
    """What `oras` says of the same alteration."""
    argv = (oras, "pull", "--ca-file", str(server.tls.ca_file), "--output", str(folder / "oras"), str(image.reference))
    ended = subprocess.run(argv, capture_output=True, text=True, check=False)
    print(f"* the same, pulled by oras (exit {ended.returncode}): {ended.stderr.strip().splitlines()[-1] if ended.stderr else ''}")


def tamper(server: RegistryServer, folder: Path, oras: str | None) -> None:
    """Alter the file, the manifest, and the tag."""
    place = Place(server.host, server.tls.ca_file, folder / "unfinished")
    file = random_file(folder / "nest-edge.sif", _SIZE)
    signing.new_key_pair(folder / "maintainer")
    keys = (PublicKey.read(folder / "maintainer.pub"),)
    image = place.registry.push(file, place.reference("edge"), {})
    signing.sign(place.registry, image.reference, PrivateKey.read(folder / "maintainer.key"))
    signing.require(place.registry, image.reference, keys)
    alter(server.blob(image.sif_digest), _SIZE // 2)
    refused("one bit of the SIF file altered", lambda: place.registry.pull(image, folder / "pulled" / "nest.sif"))
    if list((folder / "pulled").iterdir()):
        raise SystemExit("something of the altered file was kept")
    if oras is not None:
        by_oras(oras, server, image, folder)
    other = place.registry.push(random_file(folder / "other.sif", 1024), place.reference("edge"), {})
    refused("the tag moved to another image", lambda: signing.require(place.registry, other.reference, keys))
    manifest = server.blob(str(image.reference.digest))
    alter(manifest, manifest.read_bytes().index(b'"size":') + len('"size":'))
    refused("one bit of the manifest altered", lambda: place.registry.resolve(image.reference))


def main() -> None:
    """Alter, and print what was said."""
    os.environ.setdefault("COSIGN_PASSWORD", "benchmark")
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--oras", default=shutil.which("oras"))
    with tempfile.TemporaryDirectory() as name, running_registry(Path(name)) as server:
        tamper(server, Path(name), options.parse_args().oras)


main()
