"""Further components of a run, as they are asked for: `--component`, and the same after checks against the site."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from esd_build.data.errors import UsageError
from esd_build.data.names import choose
from esd_build.data.reference import ImageReference
from esd_build.registry import PublishedImage
from esd_deploy.inputs.carried import place_of
from esd_deploy.inputs.content import OnDisk, whole
from esd_deploy.inputs.program import require_program
from esd_deploy.plans.component import PlannedComponent
from esd_deploy.plans.image import ImageWord, parse
from esd_deploy.plans.launch import Shape
from esd_deploy.plans.limits import bound, check_size, settled
from esd_deploy.sites.config import SiteConfig

_KEYS = ("name", "image", "script", "nodes", "tasks", "threads", "partition")
_NEEDED = ("name", "image", "script")
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_MOST_LETTERS = 30


@dataclass(frozen=True)
class Component:
    """What is asked: a program, its image and its place. `shape` has its nodes, ranks on each, and threads of each."""

    name: str
    image: str
    script: Path
    shape: Shape = field(default_factory=Shape)
    partition: str | None = None

    @classmethod
    def typed(cls, text: str) -> Self:
        """`name=N,image=I,script=S[,nodes=1][,tasks=1][,threads=1][,partition=P]`. Raises UsageError."""
        words = dict[str, str]()
        for word in text.split(","):
            key, equals, value = word.partition("=")
            choose(key, _KEYS, what=f"--component {text}: key")
            if not equals or not value or key in words:
                raise UsageError(f"--component {text}: write each key once, as {key}=VALUE")
            words[key] = value
        missing = [key for key in _NEEDED if key not in words]
        if missing:
            raise UsageError(f"--component {text}: {', '.join(missing)} missing, e.g. name=cells,image=nest,script=cells.py")
        if not set(words["name"]) <= _LETTERS or len(words["name"]) > _MOST_LETTERS:
            raise UsageError(f"--component {text}: a name has at most {_MOST_LETTERS} small letters, digits and '-'")
        nodes, tasks, threads = (_number(text, key, words.get(key, "1")) for key in ("nodes", "tasks", "threads"))
        return cls(words["name"], words["image"], Path(words["script"]), Shape(nodes, tasks, threads), words.get("partition"))

    def checked(self, site: SiteConfig, base: Path, time_s: int | None) -> "CheckedComponent":
        """The component at a site; `base`: the folder of the first program. Raises UsageError for what does not fit."""
        place = settled(site, self.partition)
        check_size(place, self.shape.nodes, time_s)
        require_program(self.script, whole(OnDisk.of(self.script, f"script of --component {self.name}")))
        return CheckedComponent(self.name, parse(self.image), place_of(self.script, base), bound(place, self.shape), place)


@dataclass(frozen=True)
class CheckedComponent:
    """A component that fits its site; `script` is its place in the job's folder, `site` has its partition."""

    name: str
    image: ImageWord | ImageReference
    script: str
    shape: Shape
    site: SiteConfig

    def planned(self, image: PublishedImage) -> "PlannedComponent":
        """With the image that the registry gave."""
        return PlannedComponent(self.name, image, self.script, self.shape, self.site)


def require_fitting(names: Sequence[str], *, mode: str, site: SiteConfig) -> None:
    """Raises UsageError where a run with components of these names cannot be."""
    if len(set(names)) < len(names):
        raise UsageError(f"--component: each needs a name of its own ({', '.join(names)})")
    if names and mode != "container":
        raise UsageError("--component: all components run from images; give --image for the first one")
    if names and (site.submit == "sbatch" or site.kind != "unicore"):
        raise UsageError(f"--component: site '{site.name}' must submit through its server (`submit: unicore`) for a heterogeneous job")


def _number(text: str, key: str, word: str) -> int:
    if not word.isascii() or not word.isdecimal() or not 0 < int(word[:7]) < 1_000_000:
        raise UsageError(f"--component {text}: {key}={word} is no number from 1 on")
    return int(word)
