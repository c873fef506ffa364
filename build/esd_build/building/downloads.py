"""Fetches the hash-locked files of an environment with pip, from whatever index the machine's own configuration names."""

import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from esd_build.data.errors import ConfigError, ToolError
from esd_build.data.project import Environment
from esd_build.data.whole import whole_folder
from esd_build.tools.process import run

# Wheels for Debian trixie (glibc 2.41) may ask for any of these.
_WHEEL_PLATFORMS = ("manylinux_2_39", "manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014")


def wheels(environment: Environment, target: Path) -> None:
    """Fetch the wheels (sdists where a package has no wheel) of `requirements.txt` for the image's Python."""
    tag = "cp" + environment.python.replace(".", "")
    options = ["--python-version", environment.python, "--implementation", "cp", "--abi", tag, "--abi", "abi3", "--abi", "none"]
    for name in _WHEEL_PLATFORMS:
        options += ["--platform", f"{name}_{platform.machine()}"]
    _download(environment.file("requirements.txt"), target, options)


def sources(environment: Environment, target: Path) -> None:
    """Fetch the sdists of `sources.txt`.

    pip asks an sdist for its metadata, with the build tools that the sdist names. Only the listed packages are refused as wheels:
    `--no-binary :all:` would compile those build tools, too, which takes minutes.
    """
    listing = environment.file("sources.txt")
    _download(listing, target, ["--no-binary", ",".join(_names(listing.read_text()))])


def _names(listing: str) -> Sequence[str]:
    """The packages that a hash-locked list names."""
    return tuple(line.split("==")[0].strip() for line in listing.splitlines() if "==" in line and not line.startswith("#"))


def _download(listing: Path, target: Path, options: list[str]) -> None:
    """pip checks each file against its hash; the folder appears by rename, whole or not at all."""
    _require_hashes(listing)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--no-input", "--progress-bar", "off", *options]
    with whole_folder(target) as part:
        finished = run([*command, "-d", str(part), "-r", str(listing)])
        if finished.returncode != 0:
            errors = [line for line in finished.tail if line.startswith("ERROR")] or list(finished.tail[-5:])
            raise ToolError(f"downloading {listing} failed (is the package index reachable, are the hashes right?):\n" + "\n".join(errors))


def _require_hashes(listing: Path) -> None:
    """Raises ConfigError that names each requirement of a lock without a hash, before pip is asked."""
    joined = listing.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    bare = [line.split("#")[0].split()[0] for line in joined if "==" in line.split("#")[0] and "--hash=" not in line]
    if bare:
        raise ConfigError(f"{listing}: no hash for {', '.join(bare)}; `make lock` writes the lists with their hashes")


FETCH: Mapping[str, Callable[[Environment, Path], None]] = {"wheels": wheels, "sources": sources}
"""How each input that is fetched is fetched: into a folder that appears whole."""
