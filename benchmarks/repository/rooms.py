"""Rooms, floors, arrows and circles of the three packages at a commit: `python benchmarks/repository/rooms.py COMMIT…`.

A module is a Python file; `__init__.py`, `__main__.py` and scripts that run elsewhere are none. A room is a folder with modules. An arrow
is a module that imports another, wherever in its file; modules that import each other, over however many steps, are a circle. Floors are
the modules of the longest chain of imports. A circle of rooms: rooms directly below the package that need each other.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import TypeAlias

PACKAGES = {"esd_build": "build", "esd_deploy": "deploy", "esd_localsite": "deploy"}
ELSEWHERE = ("/job/", "/inside/")
COLUMNS = ("package", "modules", "rooms", "most in a room", "arrows", "floors", "circles (modules)", "circles of rooms")
Graph: TypeAlias = Mapping[str, frozenset[str]]


def git(*words: str) -> str:
    """What git prints."""
    return subprocess.run(("git", *words), capture_output=True, text=True, check=True).stdout  # noqa: S607


def sources(commit: str, package: str) -> Mapping[str, str]:
    """Dotted name → source, of all modules of a package; `__init__` counts only as a target of imports."""
    folder = PACKAGES[package]
    names = git("ls-tree", "-r", "--name-only", commit, f"{folder}/{package}/").split()
    kept = [name for name in names if name.endswith(".py") and not any(place in name for place in ELSEWHERE)]
    return {dotted(name, folder): git("show", f"{commit}:{name}") for name in kept}


def dotted(name: str, folder: str) -> str:
    """`deploy/esd_deploy/cli.py` → `esd_deploy.cli`."""
    return ".".join(PurePosixPath(name).relative_to(folder).with_suffix("").parts).removesuffix(".__init__")


def imported(source: str) -> Iterator[str]:
    """Every name that may be a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (name for alias in node.names for name in (f"{node.module}.{alias.name}", node.module or ""))


def graph(modules: Mapping[str, str]) -> Graph:
    """Module → the modules of its package that it imports; not the packages around them."""
    packages = {parent for name in modules for parent in parents(name)}
    real = modules.keys() - packages
    return {name: frozenset(one for one in imported(modules[name]) if one in real and one != name) for name in real}


def parents(name: str) -> Iterator[str]:
    """The packages around a module."""
    parts = name.split(".")
    yield from (".".join(parts[:end]) for end in range(1, len(parts)))


def circles(arrows: Graph) -> list[frozenset[str]]:
    """Groups whose members reach each other."""
    reach = {name: reached(arrows, name) for name in arrows}
    groups = {frozenset(one for one in reach[name] if name in reach[one]) for name in arrows}
    return sorted((group for group in groups if len(group) > 1), key=sorted)


def reached(arrows: Graph, start: str) -> frozenset[str]:
    """What can be reached from a module, over any number of arrows."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        new = arrows[waiting.pop()] - seen
        seen |= new
        waiting += new
    return frozenset(seen)


def floors(arrows: Graph) -> int:
    """The modules of the longest chain; a circle counts as one."""
    home = {name: group for group in circles(arrows) for name in group}
    height: dict[frozenset[str], int] = {}

    def measured(name: str) -> int:
        group = home.get(name, frozenset({name}))
        if group not in height:
            height[group] = 1 + max((measured(other) for member in group for other in arrows[member] - group), default=0)
        return height[group]

    return max(map(measured, arrows))


def by_room(arrows: Graph) -> Graph:
    """The same between the rooms directly below the package."""
    room = {name: name.split(".")[1] if name.count(".") > 1 else name for name in arrows}
    found: dict[str, set[str]] = {one: set() for one in room.values()}
    for name, others in arrows.items():
        found[room[name]] |= {room[other] for other in others} - {room[name]}
    return {name: frozenset(others) for name, others in found.items()}


def row(commit: str, package: str) -> tuple[object, ...]:
    """One line of the table."""
    modules = {name: text for name, text in sources(commit, package).items() if not name.endswith(".__main__")}
    arrows = graph(modules)
    rooms = [name.rpartition(".")[0] for name in arrows]
    found, together = circles(arrows), circles(by_room(arrows))
    most = max(rooms.count(one) for one in set(rooms))
    count = sum(map(len, arrows.values()))
    return (package, len(arrows), len(set(rooms)), most, count, floors(arrows), f"{len(found)} ({sum(map(len, found))})", len(together))


def main() -> None:
    """Print one table for each commit."""
    for commit in sys.argv[1:] or ("HEAD",):
        lines = [COLUMNS, tuple("---" for _ in COLUMNS), *(row(commit, package) for package in PACKAGES)]
        sys.stdout.write(f"{git('log', '-1', '--format=%h, %as', commit)}\n")
        sys.stdout.writelines(f"| {' | '.join(map(str, line))} |\n" for line in lines)
        sys.stdout.write("\n")


if __name__ == "__main__":
    main()
