"""Makes a lock anew, in the builder image, and says how it differs from the committed one."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from esd_build.data.errors import ConfigError, ToolError
from esd_build.data.project import Environment
from esd_build.providers.spack.locks.environment import Record, SpackEnvironment, pins_text, read_tools
from esd_build.providers.spack.locks.lockfile import Change, Lock, difference
from esd_build.providers.spack.workshop.tool import Spack
from esd_build.tools.process import Finished

_SPEC = r"'?([a-z0-9][a-z0-9-]*)'?"
# What the concretizer says, and which package it speaks of (Spack 1.1, `lib/spack/spack/solver/*.lp` and `asp.py`).
_ABOUT = (
    re.compile(r"requirement '?[^']*'? on '?" + _SPEC + r"'? for"),
    re.compile(r"[Vv]ersion requirement \S+ on " + _SPEC),
    re.compile(r"[Cc]annot satisfy (?:a requirement for package )?'?" + _SPEC),
    re.compile(r"[Rr]equire\w* .* for package " + _SPEC),
    re.compile(r"depends on " + _SPEC),
)


@dataclass(frozen=True)
class Concretized:
    """A new lock, and what it has otherwise than the committed one (None if there is none)."""

    lock: Lock
    changes: tuple[Change, ...] | None


def concretize(
    spack: Spack, environment: SpackEnvironment, say: Callable[[str], None] = lambda _line: None, target: str | None = None
) -> Concretized:
    """Solve an environment from nothing. `target` is another microarchitecture than the release's, in archspec's words.

    Raises ConfigError if its pins exclude each other, in the words of its release.yaml.
    """
    (spack.environments / environment.pins_file.relative_to(environment.root)).write_text(pins_text(environment.release))
    if target:
        _retarget(spack.environments / "common" / "packages.yaml", environment.release.target, target)
    made = spack.environments / environment.name / "spack.lock"
    made.unlink(missing_ok=True)
    finished = spack("concretize", "--force", environment=environment.name, on_line=say)
    if finished.returncode != 0 or not made.is_file():
        raise ConfigError(explained(finished, environment.release, environment.name))
    lock = Lock.read(made)
    committed = environment.folder / "spack.lock"
    return Concretized(lock, difference(environment.lock, lock) if committed.is_file() else None)


def write(environment: SpackEnvironment, lock: Lock) -> Path:
    """Put a new lock into the checkout, with the record of what it was made from. A file that says the same is left as it is."""
    environment.pins_file.write_text(pins_text(environment.release))
    tools = read_tools(environment.project)
    record = Record(spack=tools.spack, packages=tools.packages, inputs=environment.inputs(lock))
    path = environment.folder / "spack.lock"
    if not path.is_file() or difference(environment.lock, lock):
        path.write_text(lock.text)
    with (environment.folder / "concretized.yaml").open("w") as file:
        file.write("# Beside the lock: which Spack made it, and from which files (SHA-256). Made by `esd-build spack lock`.\n")
        yaml = YAML()
        yaml.width = 200
        yaml.dump(record.model_dump(), file)
    return path


def explained(finished: Finished, release: Environment, name: str) -> str:
    """Why an environment does not concretize: which pins take part, then Spack's own reasons."""
    reasons = _reasons(finished)
    if not reasons or not re.search(r"concretiz|satisf|require|conflict|cannot match|unify|depends on", " ".join(reasons)):
        raise ToolError(f"Spack could not concretize {name}:\n" + "\n".join(finished.tail[-20:]))
    # The first line names everything that was asked for, not what it failed by.
    causes = [reason for reason in reasons if not reason.startswith("failed to concretize")]
    involved = {found for reason in causes for pattern in _ABOUT for found in pattern.findall(reason)}
    words = set(re.findall(r"[a-z0-9][a-z0-9-]*", " ".join(causes)))
    pins = [
        f"  {label} is pinned to {pin.version} ({pin.package}; {pin.evidence})"
        for label, pin in release.pins.items()
        if pin.package and pin.package in involved | words
    ]
    told = "\n".join(f"  {reason}" for reason in reasons)
    pinned = "\n".join(pins) or "  none of the pins; a recipe or common/ asks for something that does not exist"
    where = f"spack-envs/{release.name}/release.yaml"
    return f"environment '{name}' cannot be concretized. Pins that take part:\n{pinned}\nSpack says:\n{told}\n→ change a pin in {where}"


def _reasons(finished: Finished) -> list[str]:
    """The lines of Spack's error, without its decoration."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip() for line in finished.tail]
    start = next((number for number, line in enumerate(lines) if line.startswith("==> Error:")), None)
    if start is None:
        return []
    return [line.removeprefix("==> Error:").strip() for line in lines[start:] if line and not line.startswith("==> Warning")][:20]


def _retarget(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    if f"target={old}" not in text:
        raise ConfigError(f"{path}: does not require target={old}, which release.yaml names")
    path.write_text(text.replace(f"target={old}", f"target={new}"))
