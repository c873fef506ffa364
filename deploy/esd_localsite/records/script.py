"""The shell scripts of a job, as UNICORE/X and its TSI for Slurm make them: pure functions from a description to exact text.

The user's text is inserted unquoted, in one shell. Therefore quotes are evaluated twice, an `exit` ends the script before
it has recorded its exit code, and `$HOME` and `$USER` are replaced everywhere.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from esd_localsite.description.description import JobDescription
from esd_localsite.description.resources import Granted

EXIT_CODE_FILE = "UNICORE_SCRIPT_EXIT_CODE"
PID_FILE = "UNICORE_SCRIPT_PID"
ALLOCATION_FILE = "UNICORE_ALLOCATION_ID"
_UNUSUAL = re.compile(r"[^0-9a-zA-Z.:=~/]")


@dataclass(frozen=True)
class Who:
    """The user of a script: the name in UNICORE, and the TSI's replacements in each text for that user's account."""

    dn: str
    replaced: Callable[[str], str]


def command_folder(kind: str) -> str:
    """The folder for output and exit code of a pre- or postcommand on the login node: `.UNICORE_PRE_0`, in the working directory."""
    return f".UNICORE_{kind}_0"


def command_file(kind: str, name: str) -> str:
    """The name of the file with such a command's exit code or process id."""
    return f"{kind}_0_{name}"


def user_script(job: JobDescription, granted: Granted, directory: Path, who: Who) -> str:
    """`UNICORE_Job_*`: what runs on the first node."""
    sizes = {"NODES": "Nodes", "PROCESSORS_PER_NODE": "CPUsPerNode", "TOTAL_PROCESSORS": "TotalCPUs", "RUNTIME": "Runtime"}
    numbers = {f"UC_{name}": str(granted.number(resource)) for name, resource in sizes.items()}
    lines = (
        "#!/bin/bash -l",
        *_assignments({**numbers, "UC_MEMORY_PER_NODE": str(granted.memory_mib)}),
        f"umask {job.umask}",
        *_quoted({"UC_USERDN": who.dn}),
        "PATH=$PATH:. ; export PATH",
        *_quoted(dict(job.environment)),
        *_quoted({"UC_WORKING_DIRECTORY": f"{directory}/", "UC_OUTPUT_DIRECTORY": f"{directory}/"}),
        "cd ${UC_WORKING_DIRECTORY}",
        *_executable(job, EXIT_CODE_FILE, ""),
    )
    return who.replaced("\n".join(lines) + "\n")


def submit_script(job_id: str, job: JobDescription, granted: Granted, directory: Path, script: str) -> str:
    """`bss_submit_*`: the file given to sbatch.

    Slurm sees success even if the program failed: the exit code is in a file. The comment is ours: it identifies the batch job
    if the endpoint died between the submission and its record.
    """
    options = (
        *_common_options(job_id, job, granted),
        f"--output={directory}//{job.stdout}",
        f"--error={directory}//{job.stderr}",
        f"--chdir={directory}/",
    )
    header = "\n".join(f"#SBATCH {option}" for option in options)
    return f"#!/bin/bash\n{header}\numask {job.umask}\n{directory}//{script}\n"


def allocation_script(job_id: str, job: JobDescription, granted: Granted, directory: Path) -> str:
    """Requests an allocation without a program: `salloc --no-shell` ends when the nodes are granted."""
    options = " ".join((*_common_options(job_id, job, granted), f"--chdir={directory}"))
    return (
        f"#!/bin/bash\ncd {directory} || exit 1\n{{ salloc --no-shell {options} > stdout 2>&1 ; echo $? > {EXIT_CODE_FILE}\n"
        f"grep -o '[[:digit:]]*' stdout | head -1 > {ALLOCATION_FILE} ; }}\n"
    )


def login_script(job: JobDescription, directory: Path, who: Who) -> str:
    """The main program of a job that runs on the login node."""
    return _login(job, directory, who, PID_FILE, _executable(job, EXIT_CODE_FILE, _redirected(job.stdout, job.stderr)))


def command_script(text: str, kind: str, job: JobDescription, directory: Path, who: Who) -> str:
    """A pre- or postcommand on the login node, in the working directory. Its text is the executable; only its end is redirected."""
    folder = command_folder(kind)
    command = JobDescription(executable=text)
    redirect = _redirected(f"{folder}/stdout", f"{folder}/stderr")
    body = _executable(command, f"{folder}/{command_file(kind, EXIT_CODE_FILE)}", redirect)
    return _login(job, directory, who, f"{folder}/{command_file(kind, PID_FILE)}", body)


def _login(job: JobDescription, directory: Path, who: Who, pid_file: str, body: tuple[str, ...]) -> str:
    lines = (
        *_quoted({"UC_WORKING_DIRECTORY": f"{directory}/", "UC_OUTPUT_DIRECTORY": f"{directory}/"}),
        "cd ${UC_WORKING_DIRECTORY}",
        f"umask {job.umask}",
        *_quoted({"UC_USERDN": who.dn}),
        *_quoted(dict(job.environment)),
        f"echo $$ > ${{UC_OUTPUT_DIRECTORY}}/{pid_file}",
        *body,
    )
    return who.replaced("\n".join(lines) + "\n")


def _executable(job: JobDescription, exit_code_file: str, redirect: str) -> tuple[str, ...]:
    if not job.executable:
        return ()
    stdin = f" < ${{UC_WORKING_DIRECTORY}}/{job.stdin}" if job.stdin else ""
    stripped = job.executable.strip()
    first, *_ = stripped.split(" ")
    return (
        f'UC_EXECUTABLE="{stripped}"; export UC_EXECUTABLE',
        f'chmod u+x "{first}" 2> /dev/null ',
        f"rm -f ${{UC_OUTPUT_DIRECTORY}}/{exit_code_file}",
        *((job.precommand.for_batch,) if job.precommand.for_batch else ()),
        " ".join((job.executable, *job.arguments)) + redirect + stdin,
        "",
        f"echo $? > ${{UC_OUTPUT_DIRECTORY}}/{exit_code_file}",
        *((job.postcommand.for_batch,) if job.postcommand.for_batch else ()),
    )


def _redirected(stdout: str, stderr: str) -> str:
    return f" >> ${{UC_OUTPUT_DIRECTORY}}/{stdout} 2>> ${{UC_OUTPUT_DIRECTORY}}/{stderr}"


def _common_options(job_id: str, job: JobDescription, granted: Granted) -> tuple[str, ...]:
    name = "UNICORE_job" if _UNUSUAL.search(job.name) else job.name
    return (f"--job-name={name}", f"--comment={job_id}", *granted.sbatch_options())


def _assignments(values: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{name}={value}; export {name}" for name, value in values.items())


def _quoted(values: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f'{name}="{value}"; export {name}' for name, value in values.items())
