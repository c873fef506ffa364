"""Reads the project's YAML data files into strict models; every violation is listed with its path and the nearest valid key."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from esd_build.data.errors import ConfigError
from esd_build.data.names import nearest


class Document(BaseModel):
    """Base of all models of data files: frozen, and refuses keys that it does not know."""

    # Validators are built at the first use: most commands load all models and use few of them.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


D = TypeVar("D", bound=Document)


def load(path: Path, model: type[D], **extra: object) -> D:
    """Read one data file. `extra` are values that the file's place gives, such as its name.

    Raises ConfigError with the file, the path of each violation, and the nearest valid key.
    """
    from esd_build.data.yaml_file import parse  # noqa: PLC0415 - many commands read no file, and this takes a while to load

    content = parse(path)
    clash = extra.keys() & content.keys()
    if clash:
        raise ConfigError(f"{path}: {', '.join(sorted(clash))}: given by the file's place, not by its content; remove it")
    try:
        return model.model_validate({**content, **extra})
    except ValidationError as error:
        lines = [f"  {_describe(violation, model)}" for violation in error.errors()]
        raise ConfigError(f"{path} is not valid:\n" + "\n".join(lines)) from error


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
