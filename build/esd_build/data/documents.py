"""Reads the project's YAML data files into strict models; every violation is listed with its path and the nearest valid key.

Source of the file format: YAML 1.2 without duplicate keys.
"""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from esd_build.data.errors import ConfigError, UsageError


class Document(BaseModel):
    """Base of all models of data files: frozen, and refuses keys that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


_LARGEST = 8 * 1024**2
_MOST = 500_000
_DEEPEST = 50
D = TypeVar("D", bound=Document)


def load(path: Path, model: type[D], **extra: object) -> D:
    """Read one data file. `extra` are values that the file's place gives, such as its name.

    Raises ConfigError with the file, the path of each violation, and the nearest valid key.
    """
    content = _parse(path)
    clash = extra.keys() & content.keys()
    if clash:
        raise ConfigError(f"{path}: {', '.join(sorted(clash))}: given by the file's place, not by its content; remove it")
    try:
        return model.model_validate({**content, **extra})
    except ValidationError as error:
        lines = [f"  {_describe(violation, model)}" for violation in error.errors()]
        raise ConfigError(f"{path} is not valid:\n" + "\n".join(lines)) from error


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: what may have been meant, or what there is."""
    names = sorted(known)
    close = [one for one in names if one.casefold() == name.casefold()] or difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"there is: {', '.join(names)}" if names else "there is none"


def choose(name: str, known: Iterable[str], *, what: str) -> str:
    """Return `name` if it is among the known ones; raises UsageError with the nearest match otherwise."""
    names = list(known)
    if name not in names:
        raise UsageError(f"unknown {what} '{name}'; {nearest(name, names)}")
    return name


def _parse(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            content = YAML(typ="safe", pure=True).load(_small(file.read(_LARGEST + 1)).decode("utf-8"))
        _require_flat(content)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file") from error
    except (OSError, UnicodeDecodeError, _TooMuchError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    except MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}: " if error.problem_mark else ""
        raise ConfigError(f"{path}: {where}{(error.problem or str(error)).splitlines()[0]}") from error
    except (YAMLError, ValueError, RecursionError, OverflowError) as error:  # characters, numbers and depths that no data file has
        raise ConfigError(f"{path}: cannot be read: {str(error)[:200].splitlines()[0] if str(error) else type(error).__name__}") from error
    if not isinstance(content, Mapping):
        raise ConfigError(f"{path}: expected a mapping of keys to values, found {type(content).__name__}")
    return {str(key): value for key, value in content.items()}


class _TooMuchError(Exception):
    """A file that is larger, or unfolds to more, than any data file."""


def _small(content: bytes) -> bytes:
    if len(content) > _LARGEST:
        raise _TooMuchError(f"it has more than {_LARGEST // 1024**2} MiB")
    return content


def _require_flat(content: object) -> None:
    """A few lines of YAML can expand to a huge document: count the expanded values before anything walks through them."""
    waiting, seen = [(content, 0)], 0
    while waiting:
        one, depth = waiting.pop()
        seen += 1
        if seen > _MOST or depth > _DEEPEST:
            raise _TooMuchError(f"it expands to more than {_MOST} values, or is more than {_DEEPEST} levels deep")
        inner = [*one.keys(), *one.values()] if isinstance(one, dict) else one if isinstance(one, list | tuple | set) else ()
        waiting.extend((value, depth + 1) for value in inner)


def _describe(violation: Mapping[str, object], model: type[BaseModel]) -> str:
    location = [str(part) for part in violation["loc"]]  # type: ignore[attr-defined]
    path = ".".join(location) or "(whole file)"
    if violation["type"] == "extra_forbidden":
        return f"{path}: unknown key; {nearest(location[-1], _keys_at(model, location[:-1]))}"
    if violation["type"] == "missing":
        return f"{path}: missing"
    return f"{path}: {violation['msg']} (found {violation['input']!r})"


def _keys_at(model: type[BaseModel], location: list[str]) -> list[str]:
    """The valid keys of the model that lies at `location`, following nested models through lists, maps and unions."""
    models = [model]
    for part in location:
        fields = [m.model_fields[part].annotation for m in models if part in m.model_fields]
        models = [inner for annotation in fields for inner in _models_in(annotation)] or models
    return sorted({key for m in models for key in m.model_fields})


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [inner for argument in get_args(annotation) for inner in _models_in(argument)]
