"""The commands `esd-build spack push` and `pull`: built packages to and from a registry."""

from pathlib import Path
from typing import Annotated

import typer

from esd_build.commands.environments.access import EnvironmentName, open_spack
from esd_build.net.words import say
from esd_build.providers.spack import binaries
from esd_build.providers.spack.binaries import Place
from esd_build.providers.spack.build import put_group
from esd_build.providers.spack.locks.environment import FULL, SpackEnvironment
from esd_build.signing import PrivateKey, trusted_keys

app = typer.Typer()

Repository = Annotated[str, typer.Argument(metavar="REGISTRY/REPOSITORY", help="such as docker-registry.ebrains.eu/esd/built")]
Group = Annotated[str, typer.Option(help="Only the packages of one group.")]
CaFile = Annotated[Path | None, typer.Option(envvar="ESD_REGISTRY_CA", help="PEM file of the registry's certificate authority")]


@app.command()
def push(
    name: EnvironmentName,
    repository: Repository,
    group: Group = FULL,
    key: Annotated[Path | None, typer.Option(help="Sign each package with this private key.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace packages in the registry that this key has not signed.")] = False,
    ca_file: CaFile = None,
) -> None:
    """Push an environment's built packages to a registry, as Spack's OCI build cache."""
    environment, place = SpackEnvironment.named(name), Place.parse(repository, ca_file)
    signer = PrivateKey.read(key) if key else None
    with open_spack(name) as spack:
        lock = put_group(spack, environment, group)
        there, signed = binaries.push(spack, "group", place, lock, signer, replace=replace)
    say(f"{place.url}: {there} packages of {name} ({group}), {signed} signed now")


@app.command()
def pull(
    name: EnvironmentName,
    repository: Repository,
    group: Group = FULL,
    signed: Annotated[bool, typer.Option("--require-signature/--no-signature", help="Refuse packages without a trusted signature.")] = True,
    ca_file: CaFile = None,
) -> None:
    """Take an environment's packages from a registry into the build cache of this machine; builds then take them from there."""
    environment, place = SpackEnvironment.named(name), Place.parse(repository, ca_file)
    keys = trusted_keys() if signed else ()
    with open_spack(name) as spack:
        lock = put_group(spack, environment, group)
        taken = binaries.pull(spack, "group", place, lock, keys)
    say(f"{taken} packages of {name} ({group}) taken from {place.url}, {'each signed' if keys else 'signatures not checked'}")
