"""What a job reports about itself in files among its results: hosts, ranks, versions, metrics, the pull of its image.

A malformed report does not fail the run: esd-deploy uses what it understands, warns about the rest, and keeps the file.
"""

import os
import re
from pathlib import Path
from typing import TypeGuard, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic_core import from_json

from esd_build.data.errors import ToolError
from esd_build.net.answers import printable
from esd_deploy.plans import paths
from esd_deploy.records.record import PullRecord, RunRecord
from esd_deploy.records.record_parts import ComponentRecord, PostRecord, StartCrashRecord

_VERSIONS = TypeAdapter(dict[str, str])
_START_CRASH = TypeAdapter(StartCrashRecord)
_PULL: TypeAdapter[PullRecord | None] = TypeAdapter(PullRecord)
_LARGEST = 1024**2
_LARGEST_NUMBER = 2**63
_DIGEST = re.compile(r"(?m)^([\w.-]{1,255}) ([0-9a-f]{64})$")
T = TypeVar("T")


class _Wireup(BaseModel):
    """The report that wireup.py writes."""

    model_config = ConfigDict(extra="ignore")

    hosts: tuple[str, ...] = ()
    size: int | None = None


class _Post(BaseModel):
    """What post.sh writes."""

    model_config = ConfigDict(extra="ignore")

    host: str | None = None
    exit_code: int | None = None
    seconds: int | None = None


_WIREUP = TypeAdapter(_Wireup)
_POST = TypeAdapter(_Post)


class _Reports:
    """The reports in a run's folder, and what is wrong with them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.warnings: list[str] = []

    def read(self, path: str, form: TypeAdapter[T], default: T) -> T:
        """A report of the given form; the default if it is missing or malformed."""
        try:
            content = self._content(path)
            return default if content is None else form.validate_python(content)
        except (ValidationError, ToolError) as error:
            self.warnings.append(f"{path} is not understood: {_first(error)}")
            return default

    def lines(self, path: str, form: TypeAdapter[T]) -> tuple[T, ...]:
        """A report with one JSON object a line; empty if one line is malformed."""
        try:
            return tuple(form.validate_json(line) for line in self._plain(path).splitlines())
        except ValidationError as error:
            self.warnings.append(f"{path} is not understood: {_first(error)}")
            return ()

    def metrics(self, path: str) -> dict[str, int | float]:
        """Name → number. A null, a value unknown to the job, is left out."""
        try:
            content = self._content(path) or {}
        except ToolError as error:
            self.warnings.append(f"{path} is not understood: {_first(error)}")
            return {}
        odd = [name for name, value in content.items() if value is not None and not _is_number(value)]
        if odd:
            names = ", ".join(printable(name, 50) for name in odd[:5]) + (f" and {len(odd) - 5} more" if len(odd) > 5 else "")
            self.warnings.append(f"{path}: not a finite number: {names}")
        return {printable(name, 200): value for name, value in content.items() if _is_number(value)}

    def digests(self, path: str) -> dict[str, str]:
        """Node → SHA-256 (hex) of the image there, as digest.sh printed them; empty if the job ended before."""
        return dict(_DIGEST.findall(self._plain(path).decode(errors="replace")))

    def number(self, path: str) -> int:
        """The number in a file; 0 if there is none."""
        found = re.fullmatch(rb"\s*(\d{1,6})\s*", self._plain(path))
        return int(found[1]) if found else 0

    def _plain(self, path: str) -> bytes:
        try:
            return self._text(path)
        except ToolError as error:
            self.warnings.append(f"{path} is not understood: {_first(error)}")
            return b""

    def _content(self, path: str) -> dict[str, object] | None:
        text = self._text(path)
        if not text:
            return None
        try:
            content = from_json(text, allow_inf_nan=True)
        except ValueError as error:
            raise ToolError(f"no JSON ({error})") from error
        if not isinstance(content, dict):
            raise ToolError("expected a JSON object, {name: number}")
        return content

    def _text(self, path: str) -> bytes:
        try:
            return paths.read(self._folder, _led_to(self._folder, path), _LARGEST)
        except (FileNotFoundError, NotADirectoryError):
            return b""
        except OSError as error:
            raise ToolError(str(error.strerror)) from error


def understood(record: RunRecord, folder: Path) -> RunRecord:
    """The record with the values that the job reported; the others stay unknown."""
    reports = _Reports(folder)
    wireup = reports.read("esd/wireup.json", _WIREUP, _Wireup())
    return record.model_copy(
        update={
            "hosts": wireup.hosts,
            "ranks": wireup.size,
            "image": record.image and record.image.model_copy(update={"nodes": reports.digests("esd/image.digests")}),
            "components": tuple(_component(one, reports) for one in record.components),
            "post": record.post and _post(record.post, reports),
            "pull": reports.read("esd/pull.json", _PULL, None),
            "versions": reports.read("esd/versions.json", _VERSIONS, {}),
            "metrics": reports.metrics("metrics.json"),
            "restarts": reports.number("esd/restarts"),
            "start_crashes": reports.lines("esd/start-crashes.jsonl", _START_CRASH),
            "warnings": tuple(reports.warnings),
        }
    )


def _component(known: ComponentRecord, reports: _Reports) -> ComponentRecord:
    nodes = reports.digests(f"esd/image-{known.name}.digests")
    return known.model_copy(update={"image": known.image.model_copy(update={"nodes": nodes})})


def _post(known: PostRecord, reports: _Reports) -> PostRecord:
    return known.model_copy(update=reports.read("esd/post.json", _POST, _Post()).model_dump())


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST_NUMBER


def _led_to(folder: Path, path: str) -> str:
    """The target of a link that the job made, if it is inside the run's folder."""
    top, place = (Path(os.path.realpath(one)) for one in (folder, folder / path))  # a circular link leads to itself
    return place.relative_to(top).as_posix() if place.is_relative_to(top) else path


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        one = error.errors(include_url=False, include_input=False)[0]
        return printable(f"{'.'.join(map(str, one['loc']))}: {one['msg']}", 200)
    return printable(str(error).partition("\n")[0], 200)
