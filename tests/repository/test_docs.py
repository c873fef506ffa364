"""The pages: links lead somewhere, commands that they show exist, and generated pages are what the programs say."""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import typer.main

from esd_build.cli import app as build_app
from esd_deploy.cli import app as deploy_app
from esd_localsite.commands.local import app as local_app
from esd_localsite.faults.board import FaultKind

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), *(ROOT / "examples").rglob("README.md"), *(ROOT / "benchmarks").rglob("README.md")]
)
DOCS = ROOT / "docs"
PROGRAMS = {"esd-build": build_app, "esd-deploy": deploy_app}
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")


def prose(page: Path) -> str:
    """The text without code blocks, in which brackets mean other things."""
    return re.sub(r"`[^`\n]*`", "``", _FENCE.sub("", page.read_text()))


def anchors(page: Path) -> set[str]:
    """The names that headings get, as GitHub and MkDocs make them."""
    headings = re.findall(r"^#+ (.*)$", _FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def typed_commands(page: Path) -> Iterator[str]:
    """What a page shows to be typed: lines of console blocks that begin with a dollar sign."""
    for language, block in _FENCE.findall(page.read_text()):
        if language == "console":
            yield from (line[2:] for line in block.splitlines() if line.startswith("$ "))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(prose(page)):
        if link.startswith(("https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} leads nowhere"
        assert DOCS not in page.parents or target.is_relative_to(DOCS), f"{link} leads to no page of the site; name the file as code"
        assert not anchor or anchor in anchors(target), f"{link}: {target.name} has no heading '{anchor}'"


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "commands.md"], ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_exist_with_their_options(page: Path) -> None:
    for line in typed_commands(page):
        words = shlex.split(line.split("   #")[0], comments=False)
        words = words[next((place for place, word in enumerate(words) if "=" not in word), 0) :]
        if words and Path(words[0]).name in PROGRAMS:
            assert not complaint(Path(words[0]).name, words[1:]), f"`{line}`: {complaint(Path(words[0]).name, words[1:])}"


def complaint(program: str, words: list[str]) -> str:
    """What is wrong with a call, as far as its command and the names of its options go; nothing where it is right."""
    command = typer.main.get_command(PROGRAMS[program])
    if program == "esd-deploy" and words[:1] == ["local"]:
        command, words = typer.main.get_command(local_app), words[1:]
    while (below := getattr(command, "commands", None)) is not None and words and (words[0] in below or {"show", "probe"} <= below.keys()):
        # `site NAME` means `site show NAME`.
        command, words = (below[words[0]], words[1:]) if words[0] in below else (below["show"], words)
    if getattr(command, "commands", None):
        return "" if words and words[0] in ("--help", "--version", "--install-completion") else f"no such command: {' '.join(words[:1])}"
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    given = [word.split("=")[0] for word in words[: words.index("--") if "--" in words else None] if word.startswith("-") and len(word) > 1]
    return ", ".join(f"no option {name}" for name in given if name not in {*known, "--help"})


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    """docs/reference.py, which is no package's."""
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "reference.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_as_the_programs_say(reference: ModuleType) -> None:
    stale = [path.name for path, text in reference.pages().items() if not path.is_file() or path.read_text() != text]
    assert stale == [], "run `make reference`"


def test_every_fault_of_the_local_site_is_on_its_page() -> None:
    page = (ROOT / "docs" / "reference" / "faults.md").read_text()
    assert [kind for kind in FaultKind if f"`{kind}`" not in page] == []


def test_every_label_of_a_recipe_is_on_its_page() -> None:
    recipes = [path.read_text() for path in (ROOT / "recipes").glob("*/*.def")]
    labels = {name for text in recipes for name in re.findall(r"eu\.ebrains\.esd\.([a-z-]+)", text)}
    page = (ROOT / "docs" / "reference" / "labels.md").read_text()
    assert len(labels) > 8
    assert [name for name in sorted(labels) if not re.search(rf"`[^`]*\.{name}`", page)] == []
