"""Commands of esd-build about images in a registry: push, tags, promote, inspect, add-document, sign, keys."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from esd_build import signing
from esd_build.commands.opening import AsJson, EnvironmentName, ProviderName, TargetName, built, open_environment
from esd_build.commands.transfer import transfer
from esd_build.data.errors import EsdError, UsageError
from esd_build.data.project import Project
from esd_build.data.reference import ImageReference
from esd_build.net.words import SafeConsole, say
from esd_build.product import finished, publishing, tags
from esd_build.product.publishing import Publication
from esd_build.program.renamed import formerly
from esd_build.registry import Attachment, Credentials, PublishedImage, Registry

app = typer.Typer()
_console = SafeConsole(stderr=True, highlight=False, soft_wrap=True)

Word = Annotated[
    str, typer.Argument(metavar="IMAGE|REF", help="a folder of recipes/ (its tag is --env, or IMAGE:TAG), or registry/project/image:tag")
]
Place = Annotated[
    str | None, typer.Option("--registry", envvar="ESD_REGISTRY", help="Registry and project, for example docker-registry.ebrains.eu/esd.")
]
CaFile = Annotated[Path | None, typer.Option(envvar="ESD_REGISTRY_CA", help="PEM file of the registry's certificate authority")]


class NotSignedError(EsdError):
    """The given key did not sign the image (exit code 1)."""


@app.command()
def push(  # noqa: PLR0913 - each parameter is an option of the command line
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="a folder of recipes/")],
    *,
    registry: Place = None,
    env: EnvironmentName = "edge",
    provider: ProviderName = None,
    target: TargetName = None,
    tag: Annotated[str | None, typer.Option(help="Push only under this tag, instead of those that `esd-build tags` shows.")] = None,
    move: Annotated[bool, typer.Option(help="Also move the environment's tag to this image.")] = True,
    ca_file: CaFile = None,
) -> None:
    """Push a built image, read it back, and print its reference with digest.

    The account comes from the file that $ESD_REGISTRY_LOGIN names (a robot account as Harbor exports it; chmod 600), from
    $ESD_REGISTRY_USER and $ESD_REGISTRY_PASSWORD, or from what `docker login` or `oras login` stored.
    """
    file = _built(image, env, provider, target)
    reference = _reference(image, registry, env)
    publication = Publication.of(file, reference, tag=tag, move=move)
    _console.print(f"==> pushing {file.name} ({file.stat().st_size / 1e6:.0f} MB) to {registry}/{image}", markup=False)
    with transfer("pushing", _console) as progress:
        published = publishing.publish(publication, _open(reference, ca_file, registry), say=_say, progress=progress)
    say(published[-1].reference)


@app.command("tags")
def show_tags(
    image: Word,
    registry: Place = None,
    env: EnvironmentName = "edge",
    provider: ProviderName = None,
    target: TargetName = None,
    ca_file: CaFile = None,
    as_json: AsJson = False,
) -> None:
    """Explain an image's tags: those that a push would write, and with --registry those that exist."""
    there = _tags_there(_reference(image, registry, env), registry, ca_file) if registry or "/" in image else {}
    own = () if set("/:@") & set(image) else _own_tags(_built(image, env, provider, target))
    if as_json:
        say(json.dumps({"next_push": dict(own), "registry": there}, indent=2))
        return
    rows = [*own, *((tag, f"{digest}  {'immutable' if tags.is_immutable(tag) else 'moves'}") for tag, digest in there.items())]
    width = max((len(tag) for tag, _ in rows), default=0)
    for tag, meaning in rows:
        say(f"{tag:<{width}}  {meaning}")


@app.command()
def promote(
    image: Word,
    registry: Place = None,
    env: EnvironmentName = "edge",
    provider: ProviderName = None,
    target: TargetName = None,
    ca_file: CaFile = None,
) -> None:
    """Move the environment's tag to an image that is already in the registry.

    Name it by its immutable tag (REF, or IMAGE:TAG with --registry); IMAGE alone is the one that was built here last.
    """
    wanted = _reference(image, registry, env)
    if not set("/:@") & set(image):
        file = _built(image, env, provider, target)
        wanted = replace(wanted, tag=tags.tags_of(finished.read(file), file).immutable)
    moving = tags.moving_of(wanted.tag or "")
    if moving is None:
        raise UsageError(f"{wanted} has no immutable tag (<environment>-<yyyymmdd>-<hash>), so no moving tag belongs to it")
    connection = _open(wanted, ca_file, registry)
    say(connection.move(moving, connection.resolve(wanted)).reference)


@app.command()
def inspect(
    reference: Word,
    registry: Place = None,
    env: EnvironmentName = "edge",
    show: Annotated[str | None, typer.Option(metavar="TYPE", help="Print the document of this type, for example cyclonedx.")] = None,
    key: Annotated[Path | None, typer.Option(help="Public key (cosign.pub); exit code 1 unless it signed the image.")] = None,
    ca_file: CaFile = None,
    as_json: AsJson = False,
) -> None:
    """Show an image in a registry: digest, labels, and what is attached to it (bill of materials, provenance, signatures)."""
    wanted = _reference(reference, registry, env)
    connection = _open(wanted, ca_file, registry)
    image = connection.resolve(wanted)
    attached = connection.attachments(image.reference)
    if show is not None:
        say(connection.read(image.reference, _one(attached, show)).decode(errors="replace"))
        return
    signer = signing.check(connection, image.reference, (signing.PublicKey.read(key),)) if key else None
    _print_image(image, attached, signer, as_json=as_json)
    if signer is not None and signer.outcome != "passed":
        raise NotSignedError(f"{image.reference} is not signed by {key}")


@app.command()
def add_document(
    reference: Annotated[str, typer.Argument(metavar="REF")],
    file: Path,
    artifact_type: Annotated[str, typer.Option("--type", help="Media type, for example application/vnd.cyclonedx+json.")],
    ca_file: CaFile = None,
) -> None:
    """Add a document to an image in a registry; prints the digest of the attachment."""
    wanted = ImageReference.parse(reference)
    say(_open(wanted, ca_file).attach(wanted, artifact_type, file).digest)


app.command("attach", hidden=True)(formerly("esd-build attach", "esd-build add-document", add_document))


@app.command()
def sign(
    image: Word,
    key: Annotated[Path, typer.Option(envvar="ESD_SIGNING_KEY", help="Private key, made by `esd-build keys` or by cosign.")],
    registry: Place = None,
    env: EnvironmentName = "edge",
    ca_file: CaFile = None,
) -> None:
    """Sign an image in a registry by its digest, as `cosign sign --key` does; prints what was signed.

    The key's password comes from $COSIGN_PASSWORD, or is asked for.
    """
    wanted = _reference(image, registry, env)
    private = signing.PrivateKey.read(key)
    connection = _open(wanted, ca_file, registry)
    found = connection.resolve(wanted)
    if not signing.sign(connection, found.reference, private):
        _say("    signed by this key before")
    say(found.reference)


@app.command()
def keys(name: Annotated[Path, typer.Argument(metavar="NAME", help="makes NAME.key, to sign with, and NAME.pub, to publish")]) -> None:
    """Make a pair of keys for `esd-build sign`, in cosign's format; the private one is encrypted."""
    say(signing.new_key_pair(name))


def _reference(word: str, registry: str | None, env: str) -> ImageReference:
    """A whole reference as it is; the name of an image with its tag, or as the moving tag of its environment."""
    if "/" in word:
        return ImageReference.parse(word)
    if registry is None:
        raise UsageError(f"'{word}' names no registry; give --registry host/project, or set ESD_REGISTRY")
    tagged = word if ":" in word or "@" in word else f"{word}:{env.replace('/', '-')}"
    return ImageReference.parse(f"{registry.rstrip('/')}/{tagged}")


def _open(reference: ImageReference, ca_file: Path | None, named: str | None = None) -> Registry:
    is_named = named is not None and named.partition("/")[0] == reference.registry
    return Registry(reference.registry, ca_file=ca_file, credentials=Credentials.find(reference.registry, named=is_named))


def _built(image: str, env: str, provider: str | None, target: str | None) -> Path:
    project = Project.find(Path.cwd())
    return built(project, project.recipe(image), open_environment(project, env, provider, target))


def _own_tags(file: Path) -> tuple[tuple[str, str], ...]:
    return tags.tags_of(finished.read(file), file).explanation


def _tags_there(reference: ImageReference, named: str | None, ca_file: Path | None) -> dict[str, str]:
    connection = _open(reference, ca_file, named)
    shown = [tag for tag in sorted(connection.tags(reference)) if not tag.startswith("sha256-")]
    return {tag: connection.digest(replace(reference, tag=tag, digest=None)) or "gone" for tag in shown}


def _one(attached: tuple[Attachment, ...], kind: str) -> Attachment:
    found = [attachment for attachment in attached if kind in attachment.artifact_type]
    if not found:
        raise UsageError(f"no attachment of type '{kind}'; there is: {', '.join(sorted({a.artifact_type for a in attached})) or 'none'}")
    return found[-1]


def _print_image(image: PublishedImage, attached: tuple[Attachment, ...], signer: signing.Verdict | None, *, as_json: bool) -> None:
    if as_json:
        content = {
            "reference": str(image.reference),
            "digest": image.reference.digest,
            "sif_digest": image.sif_digest,
            "size": image.size,
            "annotations": dict(image.annotations),
            "attachments": [{"type": a.artifact_type, "digest": a.digest, "blob_digest": a.blob_digest, "size": a.size} for a in attached],
            "signature": {
                "outcome": signer.outcome if signer else "skipped",
                "signer": signer.signer if signer else None,
                "claims": signer.claims.annotations if signer else {},
            },
        }
        say(json.dumps(content, indent=2))
        return
    rows = [("reference", str(image.reference)), ("SIF file", f"{image.sif_digest}, {image.size / 1e6:.1f} MB"), *image.annotations.items()]
    rows += [("attached", f"{attachment.artifact_type}, {attachment.size} bytes, {attachment.digest}") for attachment in attached]
    rows.append(("signature", f"{signer.outcome} ({signer.signer or 'by none of the given keys'})" if signer else "not checked (--key)"))
    for name, value in rows:
        say(f"{name:<38} {value}")


def _say(text: str) -> None:
    _console.print(text, markup=False)
