"""The built wheel in an environment of its own, with nothing but what it declares: what `pip install esd-images` gives somebody."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Installed:
    """The environment, and the empty folder in which its programs are called."""

    environment: Path
    folder: Path

    @property
    def variables(self) -> dict[str, str]:
        """A user who has nothing: no configuration, no cache, no checkout on the way."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder.with_name("home")), "LANG": "C.UTF-8", "COLUMNS": "200"}

    def __call__(self, program: str, *arguments: str, code: int = 0, **more: str) -> subprocess.CompletedProcess[str]:
        """Run one of the environment's programs in the empty folder, with `more` variables."""
        command = (str(self.environment / "bin" / program), *arguments)
        finished = subprocess.run(
            command, cwd=self.folder, env={**self.variables, **more}, capture_output=True, text=True, check=False, timeout=600
        )
        assert finished.returncode == code, f"{' '.join(command)}: {finished.returncode}\n{finished.stdout}{finished.stderr}"
        return finished


def install(folder: Path) -> Installed:
    """Build the wheel of this checkout, and install it below `folder` without asking any index."""
    build = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT))
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("esd_images-*.whl")
    environment = folder / "environment"
    subprocess.run((sys.executable, "-m", "venv", "--without-pip", str(environment)), check=True)
    pip = (sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python"), "install", "--no-index", "--no-deps", "--quiet")
    subprocess.run((*pip, str(wheel)), check=True, capture_output=True)
    link_dependencies(environment)
    for name in ("empty", "home"):
        (folder / name).mkdir()
    return Installed(environment, folder / "empty")


def link_dependencies(environment: Path) -> None:
    """Offer the environment what the wheel declares, from here; a package that is used but not declared stays away."""
    (packages,) = environment.glob("lib/python*/site-packages")
    for found in closure("esd-images"):
        for name in {path.parts[0] for path in found.files or () if path.parts[0] not in {"..", "__pycache__"}}:
            link = packages / name
            if not link.exists():
                link.symlink_to(Path(str(found.locate_file(name))))


def closure(name: str) -> Iterator[Distribution]:
    """Everything that a distribution requires, directly or not; without itself."""
    seen, wanted = set(), [(name, frozenset[str]())]
    while wanted:
        current, extras = wanted.pop()
        key = (re.sub(r"[-_.]+", "-", current).lower(), extras)
        if key in seen:
            continue
        seen.add(key)
        try:
            found = distribution(current)
        except PackageNotFoundError:
            continue
        if current != name:
            yield found
        wanted += [
            (one.name, frozenset(one.extras))
            for one in map(Requirement, found.requires or ())
            if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in ("", *extras))
        ]
