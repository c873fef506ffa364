"""The commands `esd-build spack …`: locks, sources, recipes of the environments that Spack installs."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from esd_build.commands.environments import built_packages
from esd_build.commands.environments.access import EnvironmentName, open_factory, open_spack
from esd_build.data.errors import ToolError, UsageError
from esd_build.data.project import Project
from esd_build.net.words import say
from esd_build.program.renamed import formerly
from esd_build.providers.spack import concretize
from esd_build.providers.spack.build import mirror_folder
from esd_build.providers.spack.locks import check, pins
from esd_build.providers.spack.locks.environment import FULL, SpackEnvironment
from esd_build.providers.spack.sources import accepted
from esd_build.providers.spack.sources import mirror as sources
from esd_build.tools.process import Account, run

app = typer.Typer(no_args_is_help=True, help="Maintain environments that Spack installs: locks, sources, built packages.")
app.add_typer(built_packages.app)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def lock(
    name: EnvironmentName,
    only_compare: Annotated[bool, typer.Option("--check", help="Write nothing. Exit code 1 if the committed lock differs.")] = False,
    target: Annotated[str | None, typer.Option(help="Another microarchitecture; the lock goes to dist/locks/.")] = None,
) -> None:
    """Concretize an environment from nothing and show how the result differs from the committed lock."""
    environment = SpackEnvironment.find(_project(), name)
    with open_spack(name) as spack:
        found = concretize.concretize(spack, environment, target=target)
    if target:
        path = environment.project.root / "dist" / "locks" / f"{name.replace('/', '-')}-{target}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(found.lock.text)
        say(f"{path.relative_to(environment.project.root)}: {len(found.lock.packages)} packages")
        return
    for change in found.changes or ():
        say(f"  {change}")
    same = found.changes is not None and not found.changes
    say(f"{name}: {len(found.lock.packages)} packages, {'equal to' if same else 'not'} the committed lock")
    if only_compare:
        raise typer.Exit(0 if same else 1)
    say(concretize.write(environment, found.lock).relative_to(environment.project.root))


@app.command("check")
def check_locks(names: Annotated[list[str] | None, typer.Argument(metavar="[ENVIRONMENT]…", help="default: all")] = None) -> None:
    """Check that each lock still fits its environment: pins, spack.yaml, recipes, Spack. Needs no Spack."""
    project = _project()
    wrong = 0
    for name in names or all_names(project):
        problems = check.problems(SpackEnvironment.find(project, name))
        wrong += len(problems)
        say(f"{name}: {'the lock belongs to it' if not problems else ''}".rstrip())
        for problem in problems:
            say(f"  {problem}")
    raise typer.Exit(1 if wrong else 0)


@app.command()
def mirror(
    name: EnvironmentName,
    group: Annotated[str, typer.Option(help="Only the sources of one group.")] = FULL,
    directory: Annotated[Path | None, typer.Option(help="The mirror's folder; default: in the build cache.")] = None,
    only_check: Annotated[
        bool, typer.Option("--check", help="Fetch nothing; list what is missing. Exit code 1 if anything is missing.")
    ] = False,
    brought: Annotated[Path | None, typer.Option("--from", metavar="FILE", help="A source file of yours, to put into the mirror.")] = None,
    named: Annotated[str | None, typer.Option("--as", metavar="PACKAGE@VERSION", help="With --from: the name of the source.")] = None,
    accept: Annotated[
        str | None,
        typer.Option("--accept-checksum", metavar="SHA256", help="With --from: accept the file although its recipe has another checksum."),
    ] = None,
) -> None:
    """Fill a source mirror with all files that a lock is built from, for a site without a network."""
    if brought is None and (named or accept):
        raise UsageError("--as and --accept-checksum need a file: name it with --from FILE")
    if brought is not None and not brought.is_file():
        raise UsageError(f"--from {brought}: no such file")
    environment = SpackEnvironment.find(_project(), name)
    factory = open_factory(name)
    target = directory.absolute() if directory else mirror_folder(factory.cache)
    with open_spack(name) as spack:
        wanted = {package.hash for package in environment.lock.group(environment.group(group)).packages.values()}
        listed = [source for source in sources.listed(spack, name) if source.hash in wanted]
        if brought is not None:
            _bring(environment.project, brought.absolute(), listed, target, named=named, accept=accept)
        listed = list(sources.as_accepted(listed, accepted.checksums(accepted.read(environment.project))))
        absent = sources.absent(listed, target)
        missing = () if only_check else sources.fill(spack, listed, target, say)
    left = [str(source) for source in absent] if only_check else [str(found) for found in missing]
    say(f"{target}: {len(listed) - len(left)} of {len(listed)} sources of {name} ({group})")
    if left:
        raise ToolError(f"{len(left)} sources are missing:\n" + "\n".join(f"  {line}" for line in left))


@app.command()
def audit() -> None:
    """Run Spack's audits over the overlay repository and all configuration, and check the style of its own packages."""
    with open_spack("edge") as spack:
        overlay = spack.environments / "spack_repo" / "esd"
        names = sorted(path.name.replace("_", "-") for path in (overlay / "packages").iterdir())
        judged = {"recipes": spack("audit", "packages", *(f"esd.{name}" for name in names))}
        settings = ("--no-cache", "--config", str(spack.trees.packages / "pyproject.toml"), str(overlay))
        for check_of in (("check",), ("format", "--check")):
            judged[f"style, {check_of[0]}"] = run((sys.executable, "-m", "ruff", *check_of, *settings))
        for name in all_names(_project()):
            judged[f"configuration of {name}"] = spack("audit", "configs", environment=name)
    for what, verdict in judged.items():
        say("\n".join((f"{what}:", *(f"  {line}" for line in verdict.tail))))
    raise typer.Exit(1 if any(verdict.returncode for verdict in judged.values()) else 0)


@app.command("pins")
def show_pins(as_json: AsJson = False) -> None:
    """Show the pins of all environments side by side, with their certainty."""
    table = pins.table(_project())
    say(json.dumps([row.model_dump() for row in table], indent=2) if as_json else pins.markdown(_project(), table))


app.command("drift", hidden=True)(formerly("esd-build spack drift", "esd-build spack pins", show_pins))


def _bring(project: Project, file: Path, listed: list[sources.Source], target: Path, *, named: str | None, accept: str | None) -> None:
    taken = sources.bring(file, listed, target, named=named, accept=accept)
    Account.current().own(target)
    say(f"    {file.name} is in the mirror")
    if taken is not None:
        noted = accepted.add(project, taken)
        say(f"    accepted: {taken} ({noted.relative_to(project.root)}); images made from it cannot be published")


def all_names(project: Project) -> list[str]:
    """Every folder below spack-envs/ with a spack.yaml."""
    root = project.root / "spack-envs"
    return sorted(str(path.parent.relative_to(root)) for path in root.glob("**/spack.yaml"))


def _project() -> Project:
    return Project.find(Path.cwd())
