"""What each stage was last made from: so that a plan can say which input changed."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from esd_build.building.cache import Cache
from esd_build.building.stage import BuildPlan, Stage


@dataclass(frozen=True)
class Standing:
    """Whether a stage would be made, and why: `state` is `kept`, `rebuild` or `waits`."""

    state: str
    why: str


def standing(stage: Stage, last: Mapping[str, str | None] | None, *, kept: bool) -> Standing:
    """What would happen to a stage, compared with what it was `last` made from (None: never made here). Pure."""
    if kept:
        return Standing("kept", "in the cache")
    if stage.key is None:
        unknown = sorted({name.split(":")[0] for name, value in stage.inputs.items() if value is None})
        return Standing("waits", f"decided once {', '.join(unknown)} is built")
    if last is None:
        return Standing("rebuild", "never built here")
    changes = [_change(name, last, stage.inputs) for name in sorted(last.keys() | stage.inputs.keys())]
    told = ", ".join(change for change in changes if change)
    return Standing("rebuild", told or "no longer in the cache")


def _change(name: str, last: Mapping[str, str | None], now: Mapping[str, str | None]) -> str | None:
    if name not in now:
        return f"{name} removed"
    if name not in last:
        return f"{name} added"
    return f"{name} changed" if last[name] != now[name] else None


@dataclass(frozen=True)
class History:
    """The record in the cache, one file for each stage of each environment."""

    cache: Cache

    def last(self, plan: BuildPlan, stage: Stage) -> Mapping[str, str | None] | None:
        """What a stage was last made from; None if that is not known."""
        try:
            content = json.loads(self._path(plan, stage).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return content if isinstance(content, dict) else None

    def note(self, plan: BuildPlan) -> None:
        """Remember what the stages of a finished plan were made from, and that they were used just now."""
        for stage in plan.stages:
            path = self._path(plan, stage)
            self.cache.make_folder(path.parent)
            path.write_text(json.dumps(stage.inputs), encoding="utf-8")
            if self.cache.has(stage):
                os.utime(self.cache.path(stage))

    def standings(self, plan: BuildPlan) -> Mapping[str, Standing]:
        """Name of each stage → what would happen to it."""
        return {stage.name: standing(stage, self.last(plan, stage), kept=self.cache.has(stage)) for stage in plan.stages}

    def _path(self, plan: BuildPlan, stage: Stage) -> Path:
        return self.cache.root / "history" / plan.environment.label / f"{stage.name.replace('/', '-')}.json"
