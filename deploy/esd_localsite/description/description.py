"""Job descriptions: from the client's JSON to one frozen value. Follows facts/unicore-rest.md, "Job description"."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from esd_localsite.description.applications import resolve
from esd_localsite.description.fields import Json, file_name, flag, optional, strings
from esd_localsite.description.resources import NO_REQUEST, DescriptionError, Resources, parse_resources
from esd_localsite.description.staging import Export, Import, parse_exports, parse_imports

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_UMASK = re.compile(r"[0-7]{1,4}")


class JobType(StrEnum):
    """Where a job's executable runs."""

    BATCH = "BATCH"
    LOGIN_NODE = "ON_LOGIN_NODE"
    RAW = "RAW"
    ALLOCATE = "ALLOCATE"


_JOB_TYPES = {
    "BATCH": JobType.BATCH,
    "NORMAL": JobType.BATCH,
    "ON_LOGIN_NODE": JobType.LOGIN_NODE,
    "INTERACTIVE": JobType.LOGIN_NODE,
    "RAW": JobType.RAW,
    "ALLOCATE": JobType.ALLOCATE,
}


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
    imports: tuple[Import, ...] = ()
    exports: tuple[Export, ...] = ()
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
        return self.executable is None and self.job_type not in {JobType.RAW, JobType.ALLOCATE}


def parse_description(fields: Mapping[str, Json]) -> JobDescription:
    """Check a job description. Raises DescriptionError; unknown fields are ignored, as UNICORE does."""
    job_type = _job_type(fields)
    bss_file = optional(fields, "BSS file")
    executable, arguments = resolve(fields)
    if job_type is JobType.RAW and bss_file is None:
        raise DescriptionError("A job of type RAW needs a 'BSS file'")
    return JobDescription(
        executable=executable,
        arguments=arguments,
        environment=_environment(fields.get("Environment")),
        job_type=job_type,
        bss_file=bss_file and file_name(bss_file, "BSS file"),
        precommand=_user_commands(fields, "precommand"),
        postcommand=_user_commands(fields, "postcommand"),
        imports=parse_imports(fields),
        exports=parse_exports(fields),
        resources=parse_resources(fields.get("Resources") or {}),
        stdout=file_name(optional(fields, "Stdout") or "stdout", "Stdout"),
        stderr=file_name(optional(fields, "Stderr") or "stderr", "Stderr"),
        name=optional(fields, "Name") or "UNICORE_Job",
        umask=_umask(fields),
        waits_for_client=flag(fields, "haveClientStageIn"),
        ignore_exit_code=flag(fields, "IgnoreNonZeroExitCode"),
    )


def tags_of(fields: Mapping[str, Json]) -> tuple[str, ...]:
    """A description's tags; they count even where the rest of it is wrong."""
    tags = fields.get("Tags")
    return tuple(map(str, tags)) if isinstance(tags, list) else (tags,) if isinstance(tags, str) and tags else ()


def _job_type(fields: Mapping[str, Json]) -> JobType:
    word = optional(fields, "Job type") or "BATCH"
    try:
        return _JOB_TYPES[word.upper()]
    except KeyError:
        raise DescriptionError(f"Job type '{word}' is not supported here: use one of {', '.join(_JOB_TYPES)}") from None


def _user_commands(fields: Mapping[str, Json], kind: str) -> UserCommands:
    return UserCommands(
        lines=strings(fields, f"User {kind}"),
        on_login_node=flag(fields, f"RunUser{kind.capitalize()}OnLoginNode", default=True),
        ignore_exit_code=flag(fields, f"User{kind.capitalize()}IgnoreNonZeroExitCode"),
    )


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


def _umask(fields: Mapping[str, Json]) -> str:
    umask = optional(fields, "Umask") or "077"
    if not _UMASK.fullmatch(umask):
        raise DescriptionError(f"'Umask' must be octal, not '{umask}'")
    return umask
