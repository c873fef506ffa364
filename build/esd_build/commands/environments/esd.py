"""The commands `esd-build esd …`: our releases against the real manifest of the EBRAINS Software Distribution."""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from esd_build.data.errors import UsageError
from esd_build.data.project import Environment, Project
from esd_build.net.words import say
from esd_build.providers.spack.esd.adoption import MANIFEST, Difference, differences, rewritten, unknown_to_recipes
from esd_build.providers.spack.esd.manifest import Manifest
from esd_build.providers.spack.locks.environment import pins_text
from esd_build.providers.spack.workshop.checkout import git

app = typer.Typer(no_args_is_help=True, help="Compare our releases with the real manifest of the EBRAINS Software Distribution.")

Checkout = Annotated[Path | None, typer.Argument(metavar="PATH", help="A checkout of ebrains-spack-builds.")]
LockFile = Annotated[
    Path | None,
    typer.Option(
        "--lock",
        help="A spack.lock of the release instead: of a JupyterLab or site environment, or pulled from ESD's concretization cache.",
    ),
]
System = Annotated[str | None, typer.Option("--system", help="A folder of its site-config/ whose requirements also count.")]


@app.command("import")
def import_manifest(
    release: Annotated[str, typer.Option(help="The release that this manifest belongs to.")],
    path: Checkout = None,
    lock: LockFile = None,
    system: System = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
) -> None:
    """Copy the versions of a manifest into release.yaml, with evidence `manifest`. Then make the lock again."""
    environment = _release(release)
    manifest = _manifest(path, lock, system)
    found = differences(environment, manifest)
    _print(found, manifest)
    if dry_run:
        say(_summary(environment, found))
        return
    source = _source(path, lock, release)
    file = environment.folder / "release.yaml"
    file.write_text(rewritten(environment, manifest, source))
    renewed = _release(release)
    forms = _forms(release)
    for form in forms:
        (form.folder / (form.variant or "") / "pins.yaml").write_text(pins_text(form))
    for problem in unknown_to_recipes(renewed, path) if path else ():
        say(f"warning: {problem}", err=True)
    confirmed = sum(pin.evidence.startswith(f"{MANIFEST}:") for pin in renewed.pins.values())
    where = file.relative_to(Project.find(Path.cwd()).root)
    say(f"{where}: {confirmed} of {len(renewed.pins)} pins are the manifest's; now: {_and(form.path for form in forms)}")


@app.command()
def diff(
    release: Annotated[str, typer.Argument(metavar="RELEASE")], path: Checkout = None, lock: LockFile = None, system: System = None
) -> None:
    """Say where a release differs from the real manifest. Exit code 1 if it does."""
    environment = _release(release)
    manifest = _manifest(path, lock, system)
    found = differences(environment, manifest)
    _print(found, manifest)
    say(_summary(environment, found))
    raise typer.Exit(1 if any(difference.is_certain for difference in found) else 0)


def _summary(environment: Environment, found: tuple[Difference, ...]) -> str:
    certain = sum(difference.is_certain for difference in found)
    pinned = sum(pin.package is not None for pin in environment.pins.values())
    same, unknown = pinned - len(found), len(found) - certain
    return f"{environment.name}: {same} of {pinned} pins as in the manifest, {certain} otherwise, {unknown} unknown"


def _forms(release: str) -> tuple[Environment, ...]:
    """A release and its variants: all that have a lock made from its pins."""
    whole = _release(release)
    project = Project.find(Path.cwd())
    return whole, *(project.environment(f"{release}/{variant}") for variant in sorted(whole.variants))


def _and(paths: Iterable[str]) -> str:
    return " && ".join(f"make spack-lock ENV={path}" for path in paths)


def commit_of(path: Path) -> str:
    """The commit of a checkout, for the evidence; raises UsageError if it is not a git checkout."""
    finished = git(path, "rev-parse", "HEAD")
    if finished.returncode != 0:
        raise UsageError(f"{path} is not a git checkout, and the evidence needs a commit; clone ebrains-spack-builds with git")
    return finished.text.strip()[:12]


def branch_of(path: Path) -> str:
    """The branch or tag that a checkout is at; '' where it has no name."""
    finished = git(path, "describe", "--all", "--exact-match", "HEAD")
    name = finished.text.strip() if finished.returncode == 0 else ""
    return re.sub(r"^(heads|tags|remotes/[^/]+)/", "", name)


def _manifest(path: Path | None, lock: Path | None, system: str | None) -> Manifest:
    if (path is None) == (lock is None):
        raise UsageError("name one source: the folder of a checkout of ebrains-spack-builds, or --lock FILE")
    if lock is not None:
        if system is not None:
            raise UsageError("--system chooses a folder of a checkout; a lock already belongs to one system")
        return Manifest.of_lock(lock)
    return Manifest.read(path or Path(), system)


def _source(path: Path | None, lock: Path | None, release: str) -> str:
    """Where the evidence is from, in words; warns where the branch is that of another release."""
    if path is None:
        digest = hashlib.sha256((lock or Path()).read_bytes()).hexdigest()
        return f"the release (sha256 {digest[:12]})"
    branch = branch_of(path)
    named = re.search(r"(\d\d)[-.](\d\d)$", branch)
    if branch and (named is None or f"{named[1]}.{named[2]}" != release):
        say(f"warning: {path} is at '{branch}', which does not name release {release} (branches are called ebrains-YY-MM)", err=True)
    return f"ebrains-spack-builds at {commit_of(path)}{f' ({branch})' if branch else ''}"


def _release(name: str) -> Environment:
    return Project.find(Path.cwd()).environment(name, "spack")


def _print(found: tuple[Difference, ...], manifest: Manifest) -> None:
    for difference in found:
        say(f"  {difference}")
    for line in manifest.unread:
        say(f"warning: {line}", err=True)
