"""The rooms of the three packages: imports run downward only, as docs/architecture.md says, and never in a circle."""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
MOST = 12
"""Modules of a room."""
FOLDERS = {"esd_deploy": "deploy", "esd_build": "build", "esd_localsite": "deploy"}
OPEN_TO_DEPLOY = {"program", "data", "net", "registry", "signing", "models", "tools"}
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


@cache
def imported(path: Path) -> tuple[str, ...]:
    """The modules of the three packages that a file imports, wherever in the file it does."""
    return tuple(_imported(ast.parse(path.read_text())))


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        names = (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [name for alias in node.names for name in (f"{node.module}.{alias.name}", node.module or "")]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        yield from (name for name in names if name in MODULES)


def sections() -> Mapping[str, str]:
    """Package → the page's section about it."""
    parts = re.split(r"^## (.+)$", PAGE.read_text(), flags=re.MULTILINE)
    return {title.split(":")[0]: text for title, text in zip(parts[1::2], parts[2::2], strict=True)}


def rooms(package: str) -> tuple[str, ...]:
    """The rooms of a package, and sub-rooms as `validation/checks`, from the highest to the lowest, as the page says."""
    return tuple(re.findall(r"^\| `([\w/]+)` \|", sections()[package], re.MULTILINE))


def exceptions() -> Mapping[str, int]:
    """Room → how many modules it may have, where that is more than MOST; each with its reason on the page."""
    rows = re.findall(r"^\| `([\w/]+)` \| (\d+) \| \S.*\|$", sections()["I want to add…"], re.MULTILINE)
    return {name: int(most) for name, most in rows}


def folders() -> Mapping[str, list[Path]]:
    """Room with its package (`esd_deploy/validation/checks`) → its modules. Data and other people's code are no modules."""
    found: dict[str, list[Path]] = {}
    for package, folder in FOLDERS.items():
        for path in (ROOT / folder / package).rglob("*.py"):
            if "standin" not in path.parts and path.name not in {"__init__.py", "__main__.py"}:
                found.setdefault(str(path.parent.relative_to(ROOT / folder)), []).append(path)
    return found


def room(module: str) -> str:
    """The highest room around a module; the package itself, its highest place, has none."""
    return module.split(".")[1] if "." in module else ""


def seam(module: str, other: str) -> tuple[str, str]:
    """The two rooms between which an import leads: the first in which the two names differ, below the room that has both."""
    ours, theirs = (name.split(".")[1:] for name in (module, other))
    shared = next((place for place, (own, their) in enumerate(zip(ours, theirs, strict=False)) if own != their), 0)
    return "/".join(ours[: shared + 1]), "/".join(theirs[: shared + 1])


def upward(package: str, order: tuple[str, ...]) -> list[str]:
    """The imports within a package that lead to a higher room, or to a higher sub-room of the same room."""
    height = {name: place for place, name in enumerate(order)}
    inside = [module for module in MODULES if module.startswith(f"{package}.")]
    arrows = [(module, other) for module in inside for other in imported(MODULES[module]) if other.startswith(f"{package}.")]
    seams = [(module, other, *seam(module, other)) for module, other in arrows]
    return [
        f"{module} → {other}" for module, other, here, there in seams if {here, there} <= height.keys() and height[there] < height[here]
    ]


@pytest.mark.parametrize("package", FOLDERS)
def test_imports_run_downward(package: str) -> None:
    order = rooms(package)
    assert {room(module) for module in MODULES if module.startswith(f"{package}.")} <= set(order), "docs/architecture.md lacks a room"
    assert upward(package, order) == []


def test_an_upward_import_is_found() -> None:
    assert seam("esd_deploy.runs.run", "esd_deploy.plans.plan") == ("runs", "plans")
    assert seam("esd_deploy.validation.checks.mpi", "esd_deploy.validation.terms.check") == ("validation/checks", "validation/terms")
    turned = tuple(reversed(rooms("esd_deploy")))
    assert "esd_deploy.runs.site → esd_deploy.plans.plan" in upward("esd_deploy", turned)
    assert "esd_deploy.validation.checks.mpi → esd_deploy.validation.terms.check" in upward("esd_deploy", turned)


@pytest.mark.parametrize("package", FOLDERS)
def test_every_room_has_its_sentence(package: str) -> None:
    order = rooms(package)
    there = {name.partition("/")[2] for name in folders() if "/" in name and name.startswith(f"{package}/")}
    assert sorted(there - set(order)) == [], "docs/architecture.md lacks a room"
    base = ROOT / FOLDERS[package] / package
    gone = [name for name in order if not (base / name).is_dir() and not (base / f"{name}.py").is_file()]
    assert gone == [], "docs/architecture.md names a room that is gone"


def test_no_room_is_too_full() -> None:
    allowed = exceptions()
    found = {name: len(modules) for name, modules in folders().items()}
    full = [
        f"{name}: {number}, {allowed.get(name, MOST)} are allowed" for name, number in found.items() if number > allowed.get(name, MOST)
    ]
    assert full == [], "divide the room, or give the reason in docs/architecture.md"
    assert [name for name in allowed if found.get(name, 0) <= MOST] == [], "these rooms need no exception any more"


@pytest.mark.parametrize("package", FOLDERS)
def test_tests_lie_where_the_code_lies(package: str) -> None:
    """A folder of tests is named after a room."""
    tests = ROOT / "tests" / package
    kept = {path.parent.relative_to(tests) for path in tests.rglob("test_*.py")} - {Path()}
    assert [str(place) for place in sorted(kept) if not (ROOT / FOLDERS[package] / package / place).is_dir()] == []


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
    for file in (ROOT / FOLDERS[package] / package).rglob("__init__.py"):
        assert "standin" in file.parts or ast.get_docstring(ast.parse(file.read_text())), file
