"""The command `esd-build plan`: what would be built and why, in which form, how long it takes, and what cannot be fetched."""

import json
import textwrap
from collections.abc import Mapping
from dataclasses import asdict

import typer
from filelock import Timeout

from esd_build.building.history import History, Standing
from esd_build.building.stage import BuildPlan, Stage
from esd_build.catalogue import forms
from esd_build.commands.opening import AsJson, EnvironmentName, ImageName, ProviderName, TargetName, open_factory
from esd_build.factory import Factory
from esd_build.net.words import say
from esd_build.providers.spack import build, provider
from esd_build.providers.spack.sources import accepted
from esd_build.providers.spack.sources import mirror as sources
from esd_build.providers.spack.sources.outlook import Outlook, outlook

app = typer.Typer()
_LATER = "known once spack-builder is built; this command then asks for each"
_BUSY = "not checked: a build is running in this cache"


@app.command()
def plan(
    image: ImageName, env: EnvironmentName = "edge", provider: ProviderName = None, target: TargetName = None, as_json: AsJson = False
) -> None:
    """Show what would be built and why, in which form, how long it takes, and which sources cannot be fetched. Builds nothing."""
    factory, recipe = open_factory(image, env, provider, target)
    planned = factory.plan(recipe)
    standings = History(factory.cache).standings(planned)
    asked = _sources(factory, planned, standings)
    form, duration = forms.form_of(factory.environment), _duration(factory, planned, standings)
    if not as_json:
        _show_plan(planned, standings)
        say(f"form: {forms.told(factory.environment)}\ntime: {duration}")
        if asked is not None:
            say(f"sources: {asked}")
        return
    stages = [_described(stage, standings[stage.name]) for stage in planned.stages]
    found = {"sources": asdict(asked)} if isinstance(asked, Outlook) else {}
    described = {"image": recipe.name, "environment": env, "file": planned.file_name, "form": form, "time": duration, "stages": stages}
    say(json.dumps({**described, **found}, indent=2))


def _duration(factory: Factory, planned: BuildPlan, standings: Mapping[str, Standing]) -> str:
    if standings[planned.image.name].state == "kept":
        return "seconds: the image is in the cache"
    compiled = [stage for stage in planned.stages if stage.kind == "compile"]
    if compiled and all(standings[stage.name].state == "kept" for stage in compiled):
        return "about 2 min: nothing is compiled, the image is packed"
    return f"{forms.DURATION[forms.form_of(factory.environment)]} on two free cores, less what is in the cache"


def _sources(factory: Factory, planned: BuildPlan, standings: Mapping[str, Standing]) -> Outlook | str | None:
    """What is known of a Spack build's sources, or why nothing is; None if there are none to ask for."""
    stage = planned.stage(provider.SOURCES)
    if stage is None or standings[stage.name].state == "kept":
        return None
    builder = next(one for one in planned.stages if one.name == provider.BUILDER)
    if not factory.cache.has(builder):
        return _LATER
    try:
        with factory.cache.lock.acquire(timeout=0), factory.workshop.spack(factory.cache.path(builder)) as spack:
            build.put_group(spack, provider.spack_environment(factory.project, planned.environment), planned.recipe.group or "")
            listed = sources.listed(spack, "group")
    except Timeout:
        return _BUSY
    taken = accepted.checksums(accepted.read(factory.project))
    return outlook(sources.as_accepted(listed, taken), build.mirror_folder(factory.cache))


def _described(stage: Stage, standing: Standing) -> dict[str, object]:
    kept = standing.state == "kept"
    return {"name": stage.name, "kind": stage.kind, "key": stage.key, "cached": kept, **vars(standing), "inputs": stage.inputs}


def _show_plan(planned: BuildPlan, standings: Mapping[str, Standing]) -> None:
    """A line for each stage, with what would happen to it and why; under it what its hash is made of."""
    for stage in planned.stages:
        standing = standings[stage.name]
        say(f"{stage.name:<20}{stage.kind:<10}{stage.key or '?':<18}{standing.state:<9}{standing.why}")
        inputs = ", ".join(f"{name} {(value or '?')[:8]}" for name, value in stage.inputs.items())
        say(textwrap.fill(inputs, 120, initial_indent="    ", subsequent_indent="    ", break_long_words=False))
