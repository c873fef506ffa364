"""The shell scripts of a job: pure functions from a checked description to exact text."""

import re
import shlex
from pathlib import Path

from esd_localsite.description.description import JobDescription, UserCommands

EXIT_CODE_FILE = "UNICORE_SCRIPT_EXIT_CODE"
_SLURM_NAME = re.compile(r"[A-Za-z0-9]+")


def command_folder(kind: str, step: int) -> str:
    """Where a login-node pre- or postcommand leaves its output and exit code: `.UNICORE_PRE_0`, in the working directory."""
    return f".UNICORE_{kind}_{step}"


def batch_script(job_id: str, job: JobDescription, directory: Path) -> str:
    """The file given to sbatch.

    Slurm sees success even where the program failed, as with UNICORE: the exit code is in a file.
    The comment finds the batch job again if the endpoint dies between submission and the record of it.
    """
    name = job.name if _SLURM_NAME.fullmatch(job.name) else "UNICORE_job"
    options = (
        f"--job-name={name}",
        f"--comment={job_id}",
        f"--chdir={directory}",
        f"--output={directory / job.stdout}",
        f"--error={directory / job.stderr}",
        *job.resources.sbatch_options(),
    )
    header = "\n".join(f"#SBATCH {option}" for option in options)
    return f"#!/bin/bash\n{header}\n{_body(job, directory)}"


def allocation_script(job_id: str, job: JobDescription, directory: Path) -> str:
    """Asks for nodes and keeps nothing but them: `salloc --no-shell`, which ends when they are granted."""
    name = job.name if _SLURM_NAME.fullmatch(job.name) else "UNICORE_job"
    options = (f"--job-name={name}", f"--comment={job_id}", f"--chdir={directory}", *job.resources.sbatch_options())
    return (
        f"#!/bin/bash\ncd {shlex.quote(str(directory))} || exit 1\nexec {shlex.join(('salloc', '--no-shell', *options))} >stdout 2>stderr\n"
    )


def login_script(job: JobDescription, directory: Path) -> str:
    """The main program of a job that runs on the login node."""
    redirect = f"exec >{shlex.quote(job.stdout)} 2>{shlex.quote(job.stderr)}"
    return f"#!/bin/bash\ncd {shlex.quote(str(directory))} || exit 1\n{redirect}\n{_body(job, directory)}"


def command_script(line: str, job: JobDescription, directory: Path, folder: str) -> str:
    """A pre- or postcommand on the login node, run in the working directory."""
    lines = (
        "#!/bin/bash",
        f"umask {job.umask}",
        f"cd {shlex.quote(str(directory))} || exit 1",
        f"exec >{folder}/stdout 2>{folder}/stderr",
        *_exports(job),
        *_guarded(line, f"{folder}/{EXIT_CODE_FILE}"),
    )
    return "\n".join(lines) + "\n"


def _body(job: JobDescription, directory: Path) -> str:
    lines = (
        f"umask {job.umask}",
        f"cd {shlex.quote(str(directory))} || exit 1",
        *_exports(job),
        *_inlined(job.precommand),
        *_guarded(" ".join((job.executable or "true", *job.arguments)), EXIT_CODE_FILE),
        *_inlined(job.postcommand),
    )
    return "\n".join(lines) + "\n"


def _guarded(line: str, exit_code_file: str) -> tuple[str, ...]:
    """A subshell, so that an `exit` in the user's line cannot skip the record of its exit code."""
    return ("(", line, ")", f"echo $? >{exit_code_file}")


def _inlined(commands: UserCommands) -> tuple[str, ...]:
    """Commands inside the batch job: as with UNICORE, their failure does not stop it."""
    return tuple(part for line in commands.batch_lines for part in ("(", line, ")"))


def _exports(job: JobDescription) -> tuple[str, ...]:
    return tuple(f"export {name}={_double_quoted(value)}" for name, value in job.environment)


def _double_quoted(value: str) -> str:
    """Like UNICORE: variables in a value are expanded where the job runs."""
    return '"' + re.sub(r'(["`\\])', r"\\\1", value) + '"'
