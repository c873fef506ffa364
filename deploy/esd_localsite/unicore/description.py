"""Job descriptions: from the client's JSON to one frozen value. Follows facts/unicore-rest.md, "Job description"."""

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import TypeAlias

from esd_localsite.unicore.resources import NO_REQUEST, DescriptionError, Resources, parse_resources

Json: TypeAlias = object
"""A parsed JSON value: checked where it is taken apart, right here."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_UMASK = re.compile(r"[0-7]{1,4}")


class JobType(StrEnum):
    """Where a job's executable runs."""

    BATCH = "BATCH"
    LOGIN_NODE = "ON_LOGIN_NODE"
    RAW = "RAW"


_JOB_TYPES = {
    "BATCH": JobType.BATCH,
    "NORMAL": JobType.BATCH,
    "ON_LOGIN_NODE": JobType.LOGIN_NODE,
    "INTERACTIVE": JobType.LOGIN_NODE,
    "RAW": JobType.RAW,
}


@dataclass(frozen=True)
class InlineFile:
    """A file whose content stands in the description (`From: inline://…`, `Data`)."""

    path: str
    data: str


@dataclass(frozen=True)
class UserCommands:
    """The precommands or postcommands of a job."""

    lines: tuple[str, ...] = ()
    on_login_node: bool = True
    ignore_exit_code: bool = False

    @property
    def login_node_lines(self) -> tuple[str, ...]:
        return self.lines if self.on_login_node else ()

    @property
    def batch_lines(self) -> tuple[str, ...]:
        return () if self.on_login_node else self.lines


@dataclass(frozen=True)
class JobDescription:
    """What a client asked for, checked."""

    executable: str | None = None
    arguments: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    job_type: JobType = JobType.BATCH
    bss_file: str | None = None
    precommand: UserCommands = UserCommands()
    postcommand: UserCommands = UserCommands()
    imports: tuple[InlineFile, ...] = ()
    resources: Resources = NO_REQUEST
    stdout: str = "stdout"
    stderr: str = "stderr"
    name: str = "UNICORE_Job"
    umask: str = "077"
    waits_for_client: bool = False
    ignore_exit_code: bool = False

    @property
    def is_empty(self) -> bool:
        """Nothing to run: the job is its directory."""
        return self.executable is None and self.job_type is not JobType.RAW


def read_object(body: bytes) -> dict[str, Json]:
    """The JSON object in a request's body; pyunicore's command line sends single quotes, which are taken too. Raises DescriptionError."""
    text = body.decode(errors="replace").strip() or "{}"
    try:
        value = json.loads(text)
    except ValueError as error:
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            raise DescriptionError(f"Cannot parse the request body as JSON: {error}") from error
    if not isinstance(value, dict):
        raise DescriptionError(f"The request body must be a JSON object, not {type(value).__name__}")
    return {str(key): item for key, item in value.items()}


def parse_description(fields: Mapping[str, Json]) -> JobDescription:
    """Check a job description. Raises DescriptionError; unknown fields are ignored, as UNICORE does."""
    job_type = _job_type(fields)
    bss_file = _optional(fields, "BSS file")
    if job_type is JobType.RAW and bss_file is None:
        raise DescriptionError("A job of type RAW needs a 'BSS file'")
    return JobDescription(
        executable=_optional(fields, "Executable"),
        arguments=_strings(fields, "Arguments"),
        environment=_environment(fields.get("Environment")),
        job_type=job_type,
        bss_file=bss_file and _file_name(bss_file, "BSS file"),
        precommand=_user_commands(fields, "precommand"),
        postcommand=_user_commands(fields, "postcommand"),
        imports=_imports(fields),
        resources=parse_resources(fields.get("Resources") or {}),
        stdout=_file_name(_optional(fields, "Stdout") or "stdout", "Stdout"),
        stderr=_file_name(_optional(fields, "Stderr") or "stderr", "Stderr"),
        name=_optional(fields, "Name") or "UNICORE_Job",
        umask=_umask(fields),
        waits_for_client=_flag(fields, "haveClientStageIn"),
        ignore_exit_code=_flag(fields, "IgnoreNonZeroExitCode"),
    )


def tags_of(fields: Mapping[str, Json]) -> tuple[str, ...]:
    """A description's tags; they count even where the rest of it is wrong."""
    tags = fields.get("Tags")
    return tuple(map(str, tags)) if isinstance(tags, list) else ()


def _job_type(fields: Mapping[str, Json]) -> JobType:
    word = _optional(fields, "Job type") or "BATCH"
    try:
        return _JOB_TYPES[word.upper()]
    except KeyError:
        raise DescriptionError(f"Job type '{word}' is not supported here: use one of {', '.join(_JOB_TYPES)}") from None


def _user_commands(fields: Mapping[str, Json], kind: str) -> UserCommands:
    return UserCommands(
        lines=_strings(fields, f"User {kind}"),
        on_login_node=_flag(fields, f"RunUser{kind.capitalize()}OnLoginNode", default=True),
        ignore_exit_code=_flag(fields, f"User{kind.capitalize()}IgnoreNonZeroExitCode"),
    )


def _imports(fields: Mapping[str, Json]) -> tuple[InlineFile, ...]:
    if fields.get("Exports"):
        raise DescriptionError("'Exports' are not supported here: fetch the files from the working directory")
    entries = fields.get("Imports") or []
    if not isinstance(entries, list):
        raise DescriptionError("'Imports' must be a list")
    return tuple(_import(entry) for entry in entries)


def _import(entry: Json) -> InlineFile:
    if not isinstance(entry, dict) or not isinstance(entry.get("To"), str):
        raise DescriptionError("Each of the 'Imports' must be an object with 'From' and 'To'")
    source, data = str(entry.get("From", "")), entry.get("Data")
    if not source.startswith("inline:") or data is None:
        raise DescriptionError(f"Import from '{source}' is not supported here: use inline:// with 'Data', or upload the file")
    text = "\n".join(map(str, data)) + "\n" if isinstance(data, list) else str(data)
    return InlineFile(_file_name(str(entry["To"]), "Imports/To"), text)


def _environment(value: Json) -> tuple[tuple[str, str], ...]:
    if isinstance(value, dict):
        pairs = [(str(name), str(content)) for name, content in value.items()]
    elif isinstance(value, list):
        pairs = [_assignment(str(item)) for item in value]
    elif value is None:
        pairs = []
    else:
        raise DescriptionError("'Environment' must be a map or a list of 'NAME=value'")
    for name, content in pairs:
        if not _VARIABLE.fullmatch(name) or "\0" in content:
            raise DescriptionError(f"'{name}' in 'Environment' is no name of a variable, or has no possible value")
    return tuple(pairs)


def _assignment(item: str) -> tuple[str, str]:
    name, equals, content = item.partition("=")
    if not equals:
        raise DescriptionError(f"'{item}' in 'Environment' must be NAME=value")
    return name.strip(), content


def _file_name(name: str, key: str) -> str:
    path = PurePosixPath(name.lstrip("/"))
    if not path.parts or ".." in path.parts or "\0" in name or "\n" in name:
        raise DescriptionError(f"'{key}': '{name}' is no file in the working directory")
    return str(path)


def _umask(fields: Mapping[str, Json]) -> str:
    umask = _optional(fields, "Umask") or "077"
    if not _UMASK.fullmatch(umask):
        raise DescriptionError(f"'Umask' must be octal, not '{umask}'")
    return umask


def _optional(fields: Mapping[str, Json], key: str) -> str | None:
    value = fields.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, dict | list):
        raise DescriptionError(f"'{key}' must be a string")
    return str(value)


def _strings(fields: Mapping[str, Json], key: str) -> tuple[str, ...]:
    value = fields.get(key)
    if value is None or value == "":
        return ()
    if isinstance(value, dict):
        raise DescriptionError(f"'{key}' must be a list of strings")
    return tuple(str(item) for item in value) if isinstance(value, list) else (str(value),)


def _flag(fields: Mapping[str, Json], key: str, *, default: bool = False) -> bool:
    return str(fields.get(key, default)).lower() in {"true", "1", "yes"}
