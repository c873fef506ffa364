"""Job descriptions: from the client's JSON to one frozen value, as UNICORE/X reads them (UNICORE manual, "Job description format")."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from esd_localsite.description.applications import resolve
from esd_localsite.description.fields import Json, file_name, flag, lines, map_of_strings, optional
from esd_localsite.description.resources import NO_REQUEST, DescriptionError, Resources, parse_resources
from esd_localsite.description.staging import Export, Import, parse_exports, parse_imports

_UMASK = re.compile(r"[0-7]{1,4}")
DEFAULT_UMASK = "0027"


class JobType(StrEnum):
    """Where a job's executable runs."""

    BATCH = "BATCH"
    LOGIN_NODE = "ON_LOGIN_NODE"
    RAW = "RAW"
    ALLOCATE = "ALLOCATE"


_OLD_WORDS = {"NORMAL": "BATCH", "INTERACTIVE": "ON_LOGIN_NODE"}


@dataclass(frozen=True)
class UserCommand:
    """The precommand or postcommand of a job: one text for one shell, with any number of lines."""

    text: str | None = None
    on_login_node: bool = True
    ignore_exit_code: bool = False

    @property
    def for_login_node(self) -> str | None:
        return self.text if self.on_login_node else None

    @property
    def for_batch(self) -> str | None:
        return None if self.on_login_node else self.text


@dataclass(frozen=True)
class JobDescription:
    """What a client asked for, checked as far as UNICORE checks it on arrival."""

    executable: str | None = None
    arguments: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    """The job's variables: its `Parameters`, then its `Environment`."""
    job_type: JobType = JobType.BATCH
    bss_file: str | None = None
    precommand: UserCommand = UserCommand()
    postcommand: UserCommand = UserCommand()
    imports: tuple[Import, ...] = ()
    exports: tuple[Export, ...] = ()
    resources: Resources = NO_REQUEST
    stdin: str | None = None
    stdout: str = "stdout"
    stderr: str = "stderr"
    name: str = "UNICORE_Job"
    umask: str = DEFAULT_UMASK
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
    if job_type is JobType.RAW and bss_file is None:
        raise DescriptionError("Job type 'raw' requires 'BSS file'")
    executable, arguments = resolve(fields)
    stdin = optional(fields, "Stdin")
    return JobDescription(
        executable=executable,
        arguments=arguments,
        environment=_environment(fields),
        job_type=job_type,
        bss_file=bss_file and file_name(bss_file, "BSS file"),
        precommand=_user_command(fields, "precommand"),
        postcommand=_user_command(fields, "postcommand"),
        imports=parse_imports(fields),
        exports=parse_exports(fields),
        resources=parse_resources(_with_project(fields)),
        stdin=stdin and file_name(stdin, "Stdin"),
        stdout=file_name(optional(fields, "Stdout") or "stdout", "Stdout"),
        stderr=file_name(optional(fields, "Stderr") or "stderr", "Stderr"),
        name=optional(fields, "Name") or "UNICORE_Job",
        umask=_umask(fields),
        waits_for_client=flag(fields, "haveClientStageIn"),
        ignore_exit_code=flag(fields, "IgnoreNonZeroExitCode"),
    )


def tags_of(fields: Mapping[str, Json]) -> tuple[str, ...]:
    """A description's tags, a list. They count even if the rest is wrong."""
    tags = fields.get("Tags")
    return tuple(map(str, tags)) if isinstance(tags, list) else ()


def _job_type(fields: Mapping[str, Json]) -> JobType:
    word = (optional(fields, "Job type") or "BATCH").upper()
    try:
        return JobType(_OLD_WORDS.get(word, word))
    except ValueError:
        raise DescriptionError(f"No enum constant JobType.{word}: use one of {', '.join(JobType)}") from None


def _user_command(fields: Mapping[str, Json], kind: str) -> UserCommand:
    return UserCommand(
        text=lines(fields, f"User {kind}"),
        on_login_node=flag(fields, f"RunUser{kind.capitalize()}OnLoginNode", default=True),
        ignore_exit_code=flag(fields, f"User{kind.capitalize()}IgnoreNonZeroExitCode"),
    )


def _environment(fields: Mapping[str, Json]) -> tuple[tuple[str, str], ...]:
    found = {**map_of_strings(fields, "Parameters"), **map_of_strings(fields, "Environment")}
    listed = fields.get("Environment")
    for item in listed if isinstance(listed, list) else ():
        name, _, content = str(item).partition("=")
        found[name.strip()] = content.strip()
    return tuple(found.items())


def _with_project(fields: Mapping[str, Json]) -> Json:
    """`Resources`, including a `Project` beside them."""
    resources, project = fields.get("Resources"), optional(fields, "Project")
    if project is None or not isinstance(resources or {}, dict):
        return resources
    return {"Project": project, **(resources if isinstance(resources, dict) else {})}


def _umask(fields: Mapping[str, Json]) -> str:
    umask = optional(fields, "Umask") or optional(fields, "umask") or DEFAULT_UMASK
    if not _UMASK.fullmatch(umask):
        raise DescriptionError(f"'Umask' must be octal, not '{umask}'")
    return umask
