"""Reads one YAML file of this project: YAML 1.2 without duplicate keys, of limited size, also when it is unfolded."""

from collections.abc import Mapping
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from esd_build.data.errors import ConfigError

_LARGEST = 8 * 1024**2
_MOST = 500_000
_DEEPEST = 50


def parse(path: Path) -> dict[str, object]:
    """The keys of a file and their values. Raises ConfigError with the file and the place in it."""
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
