"""The files of a new image that adds Python packages to another one: text, computed without acting."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePosixPath
from string import Template

from esd_build.data.errors import UsageError

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class _Form(Template):
    """`@@name`: Apptainer, the shell and Python use the other signs."""

    delimiter = "@@"


@dataclass(frozen=True)
class NewImage:
    """An image to be: packages from the index, with or without a version (`brian2`, `brian2==2.9`), on an image that is there.

    Raises UsageError for a name or a package that could be none.
    """

    name: str
    base: str
    environment: str
    packages: tuple[str, ...]

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise UsageError(f"'{self.name}' cannot name an image: use lower-case letters, digits and single '-', for example my-nest")
        for package in self.packages:
            if not _PACKAGE.match(package) or re.search(r"[\s@/\\'\"]", package):
                raise UsageError(f"'{package}' is not the name of a Python package; write one, for example brian2 or brian2==2.9")

    @property
    def files(self) -> Mapping[PurePosixPath, str]:
        """Path in the checkout → content."""
        recipe, lists = PurePosixPath("recipes", self.name), PurePosixPath("spack-envs", self.environment, self.name)
        return {
            recipe / "image.yaml": self._form("image.yaml"),
            recipe / f"{self.name}.def": self._form("image.def"),
            recipe / f"test_{self.name.replace('-', '_')}.py": self._form("contract.txt"),
            lists / "requirements.in": self._form("requirements.in"),
        }

    def _form(self, name: str) -> str:
        names = [package[: match.end()] for package in self.packages if (match := _PACKAGE.match(package))]
        values = {
            "name": self.name,
            "base": self.base,
            "environment": self.environment,
            "description": f"{self.base} with {', '.join(names)}",
            "packages": "\n".join(self.packages),
            "listed": ", ".join(f'"{package}"' for package in names),
            "shared": "/".join([*[".."] * (self.environment.count("/") + 1), "requirements.txt"]),
        }
        return _Form((files("esd_build.data") / "new" / name).read_text(encoding="utf-8")).substitute(values)
