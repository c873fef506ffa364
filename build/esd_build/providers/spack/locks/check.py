"""Whether a lock still belongs to the files that it was made from, and keeps to the pins: pure, without Spack."""

from collections.abc import Iterator

from esd_build.providers.spack.locks.environment import SpackEnvironment, Tools, pins_text, read_tools
from esd_build.providers.spack.locks.lockfile import Lock


def problems(environment: SpackEnvironment) -> tuple[str, ...]:
    """Everything that is wrong with an environment's lock, one sentence each; empty if all is well."""
    if not (environment.folder / "spack.lock").is_file():
        return ("it has no lock yet; `make spack-lock` makes it",)
    lock = environment.lock
    tools = read_tools(environment.project)
    return (*_pins_file(environment), *_roots(environment, lock), *_record(environment, lock, tools), *_pins(environment, lock))


def _pins_file(environment: SpackEnvironment) -> Iterator[str]:
    path = environment.pins_file
    if not path.is_file() or path.read_text() != pins_text(environment.release):
        yield f"{path.relative_to(environment.root)} does not say what {environment.release.name}/release.yaml says"


def _roots(environment: SpackEnvironment, lock: Lock) -> Iterator[str]:
    asked = set(environment.group("full"))
    for spec in sorted(asked - lock.roots.keys()):
        yield f"{environment.name}/spack.yaml asks for {spec}, which the lock does not have"
    for spec in sorted(lock.roots.keys() - asked):
        yield f"the lock has {spec}, which {environment.name}/spack.yaml does not ask for"


def _record(environment: SpackEnvironment, lock: Lock, tools: Tools) -> Iterator[str]:
    record = environment.record
    for name, used, pinned in (("Spack", record.spack, tools.spack), ("Spack's packages", record.packages, tools.packages)):
        if used.commit != pinned.commit:
            yield f"the lock was made with {name} {used.version}, common/tools.yaml says {pinned.version}"
    now = environment.inputs(lock)
    for path in sorted(now.keys() | record.inputs.keys()):
        if path not in now:
            yield f"{path} was used for the lock, but is no longer used"
        elif path not in record.inputs:
            yield f"{path} did not exist when the lock was made"
        elif now[path] != record.inputs[path]:
            yield f"{path} has changed since the lock was made"


def _pins(environment: SpackEnvironment, lock: Lock) -> Iterator[str]:
    for name, pin in environment.release.pins.items():
        for found in lock.named(pin.package or ""):
            if not is_version(found.version, pin.version):
                yield f"{name} is pinned to {pin.version}, the lock has {found.version}"


def is_version(found: str, pinned: str) -> bool:
    """Whether a version is the pinned one, or one of its series: `3.11.14` is one of `3.11`, `3.110` is not."""
    return found == pinned or found.startswith((f"{pinned}.", f"{pinned}-"))
