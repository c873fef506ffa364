"""The rooms of the three packages: imports run downward only, as docs/architecture.md says, and never in a circle."""

import ast
import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {"esd_deploy": "deploy", "esd_build": "build", "esd_localsite": "deploy"}
OPEN_TO_DEPLOY = {"data", "net", "registry", "signing", "models", "tools"}
"""Rooms of esd_build that esd_deploy may import."""


def modules() -> dict[str, Path]:
    """Dotted name → file, of all three packages."""
    found = {}
    for package, folder in FOLDERS.items():
        for path in (ROOT / folder / package).rglob("*.py"):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imported(path: Path) -> Iterator[str]:
    """The modules of the three packages that a file imports, wherever in the file it does."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [name for alias in node.names for name in (f"{node.module}.{alias.name}", node.module or "")]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        yield from (name for name in names if name in MODULES)


def rooms() -> Mapping[str, tuple[str, ...]]:
    """Package → its rooms, from the highest to the lowest, as the page says."""
    sections = re.split(r"^## (esd_\w+)", (ROOT / "docs" / "architecture.md").read_text(), flags=re.MULTILINE)
    return {
        package: tuple(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
        for package, text in zip(sections[1::2], sections[2::2], strict=True)
    }


def room(module: str) -> str:
    """The room of a module; the package itself, its highest place, has none."""
    return module.split(".")[1] if "." in module else ""


def upward(package: str, order: tuple[str, ...]) -> list[str]:
    """The imports within a package that lead to a higher room."""
    height = {name: place for place, name in enumerate(order)}
    own = [module for module in MODULES if module.startswith(f"{package}.")]
    arrows = [(module, other) for module in own for other in imported(MODULES[module]) if other.startswith(f"{package}.")]
    return [f"{module} → {other}" for module, other in arrows if height[room(other)] < height[room(module)]]


@pytest.mark.parametrize("package", FOLDERS)
def test_imports_run_downward(package: str) -> None:
    order = rooms()[package]
    assert {room(module) for module in MODULES if module.startswith(f"{package}.")} <= set(order), "docs/architecture.md lacks a room"
    assert upward(package, order) == []


def test_no_two_modules_need_each_other() -> None:
    graph = {
        module: {other for other in imported(path) if not module.startswith(f"{other}.") and other != module}
        for module, path in MODULES.items()
    }
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' → '.join(error.args[1])}")


def test_packages_know_each_other_only_at_their_seams() -> None:
    found = []
    for module, path in MODULES.items():
        package = module.split(".")[0]
        for other in imported(path):
            target = other.split(".")[0]
            allowed = (
                target == package
                or (package == "esd_deploy" and target == "esd_build" and room(other) in {*OPEN_TO_DEPLOY, ""})
                or (module == "esd_deploy.commands.local" and target == "esd_localsite")
            )
            if not allowed:
                found.append(f"{module} → {other}")
    assert found == []


@pytest.mark.parametrize("package", FOLDERS)
def test_every_room_says_what_it_is(package: str) -> None:
    for folder in (ROOT / FOLDERS[package] / package).iterdir():
        if (folder / "__init__.py").is_file():
            assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text())), folder
