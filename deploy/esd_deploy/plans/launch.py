"""The exact command lines of a job on its compute nodes: computed from the site's data, never by hand."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import PurePosixPath

from esd_build.registry import PublishedImage
from esd_deploy.sites.config import Binding, SiteConfig

# pull.sh makes this link in the job's folder, so that command lines need no path that only the site knows.
IMAGE_LINK = "esd/image.sif"
_IMAGES = re.compile(r"esd/image(-[a-z0-9-]+)?\.sif")
"""Its link, and those of further components."""
_SHARED_LINK = "esd/image-shared.sif"
"""The same link while nodes have copies of their own: the login node needs it after them."""
VERSIONS_S = 30
"""Extra time of the wire-up step, because wireup.py waits for the versions; otherwise a good wire-up would seem to hang."""


def is_image(path: str) -> bool:
    """Whether a path in a job's folder is that of an image."""
    return _IMAGES.fullmatch(path) is not None


@dataclass(frozen=True)
class Shape:
    """How a program is spread: nodes, MPI ranks on each, threads in each rank; GPUs of each node; where ranks sit."""

    nodes: int = 1
    tasks_per_node: int = 1
    threads: int = 1
    gpus: int = 0
    binding: Binding = field(default_factory=Binding)

    @property
    def ranks(self) -> int:
        return self.nodes * self.tasks_per_node

    @property
    def cpus_per_node(self) -> int:
        return self.tasks_per_node * self.threads


@dataclass(frozen=True)
class Repeats:
    """How often a program is started in its allocation, one start after another's end; each ends after `limit_s` seconds at the latest.

    A start finds its number, from 1, in `$ESD_REPETITION`. One that fails does not keep the next from starting.
    """

    times: int = 1
    limit_s: int | None = None

    def lines(self, launch: "Launch") -> str:
        """The shell lines of a program step. Its exit code is that of the last start that failed."""
        limited = Launch(("timeout", "--kill-after=10", str(self.limit_s), *launch.srun), launch.container, launch.program)
        line = str(limited if self.limit_s else launch)
        if self.times == 1:
            return line
        numbers = " ".join(map(str, range(1, self.times + 1)))
        return "\n  ".join(
            (
                "local failed=0",
                f"for ESD_REPETITION in {numbers}; do",
                "  export ESD_REPETITION",
                f"  {line} || failed=$?",
                "done",
                'return "$failed"',
            )
        )


@dataclass(frozen=True)
class Launch:
    """One step; `srun` is empty on a login node, `container` where the program runs from the site's modules."""

    srun: tuple[str, ...]
    container: tuple[str, ...]
    program: tuple[str, ...]

    @property
    def argv(self) -> tuple[str, ...]:
        return (*self.srun, *self.container, *self.program)

    def __str__(self) -> str:
        return shell_line(self.argv)


class Expanded(str):
    """A word in which the job's shell expands variables: a path that only the site knows."""

    __slots__ = ()


def shell_line(argv: tuple[str, ...]) -> str:
    """The words as shell text; those to expand in double quotes."""
    return " ".join(f'"{word}"' if isinstance(word, Expanded) else shlex.quote(word) for word in argv)


def srun(config: SiteConfig, shape: Shape) -> tuple[str, ...]:
    """`srun` with all options explicit: what Slurm derives from the allocation differs between its versions.

    A rank that dies ends the step: the others would wait for it until the time limit.
    """
    return (
        "srun",
        "--kill-on-bad-exit=1",
        f"--mpi={config.mpi}",
        f"--nodes={shape.nodes}",
        f"--ntasks={shape.ranks}",
        f"--ntasks-per-node={shape.tasks_per_node}",
        f"--cpus-per-task={shape.threads}",
        *binding(shape),
    )


def binding(shape: Shape) -> tuple[str, ...]:
    """Options of srun that say where ranks sit, and how many GPUs of each node they get; none where nothing was said."""
    said = {
        "cpu-bind": shape.binding.bind,
        "hint": shape.binding.hint,
        "ntasks-per-socket": shape.binding.ranks_per_socket,
        "gpus-per-node": shape.gpus or None,
    }
    return tuple(f"--{name}={value}" for name, value in said.items() if value is not None)


GPU_OPTIONS = {"nvidia": "--nv", "amd": "--rocm"}
"""By these Apptainer shows the host's driver to what is inside."""


HELD = ("setsid", "--wait", "setpriv", "--pdeathsig", "KILL")
"""Ends a program in the container together with what holds it there: `--sharens` alone leaves it running.

Apptainer's appinit passes a signal on to the program's process group, and ends where there is no group of the program's number; Slurm's
`linuxproc` then loses the program. With setsid the program leads a group. If its parent is killed all the same, the program is killed.
`--pid` would also end it, but ends every rank of a node with the first one. docs/measurements/mpi-starts.md.
"""


def container(config: SiteConfig, image: str = IMAGE_LINK, *, gpus: int = 0) -> tuple[str, ...]:
    """`apptainer exec`; --sharens puts the ranks of a node into one user namespace, so that they may share memory."""
    binds = (part for path in config.binds for part in ("--bind", Expanded(path) if path.startswith("$") else path))
    driver = (GPU_OPTIONS[config.gpu],) if gpus and config.gpu else ()
    shared, held = (("--sharens",), HELD) if config.sharens else ((), ())
    return (config.apptainer, "exec", *shared, *driver, *binds, image, *held)


def program(config: SiteConfig, shape: Shape, command: tuple[str, ...], *, contained: bool) -> Launch:
    """The user's program on all ranks."""
    return Launch(srun(config, shape), container(config, gpus=shape.gpus) if contained else (), ("python3", *command))


def wireup(config: SiteConfig, shape: Shape, *, contained: bool) -> Launch:
    """The check that all ranks find each other. A wrong PMIx setup hangs more often than it fails: hence the time limit."""
    limited = ("timeout", "--kill-after=10", str(config.wireup_s + VERSIONS_S), *srun(config, shape))
    return Launch(limited, container(config) if contained else (), ("python3", "esd/wireup.py", str(shape.ranks)))


def versions(config: SiteConfig, *, contained: bool) -> Launch:
    """The report of what is inside, by one rank."""
    limited = ("timeout", "--kill-after=10", str(config.wireup_s), *srun(config, Shape()))
    return Launch(limited, container(config) if contained else (), ("python3", "esd/versions.py"))


HOST_VARIABLES = (
    *("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE", "VIRTUAL_ENV", "CONDA_PREFIX"),
    *("LD_PRELOAD", "LD_AUDIT", "OPAL_PREFIX", "PMIX_PREFIX", "NEST_MODULE_PATH"),
    *("R_HOME", "R_LIBS", "R_LIBS_USER", "R_LIBS_SITE", "R_PROFILE", "R_ENVIRON"),
    *("PERL5LIB", "PERL5OPT", "JULIA_LOAD_PATH", "JULIA_DEPOT_PATH"),
)
"""Variables by which the host's software would replace an image's own. A container program passes on all variables except LD_LIBRARY_PATH:
that one it replaces itself, and may need to find its own libraries."""


def keep_out(config: SiteConfig) -> tuple[str, ...]:
    """Shell lines that keep the host's software out of a container and report what was kept out. Variables that the site's file sets stay.

    APPTAINERENV_X and SINGULARITYENV_X set X inside, whatever the image says.
    """
    names = " ".join(name for name in HOST_VARIABLES if name not in config.environment)
    loop = (
        f"for name in {names}; do",
        """  [ -z "${!name+set}" ] || printf 'kept out of the container: %s, which the host sets\\n' "$name" >&2""",
        '  unset "$name" "APPTAINERENV_$name" "SINGULARITYENV_$name"',
        "done",
    )
    # Not reported: module systems set BASH_ENV everywhere, and the container program itself sets LD_LIBRARY_PATH inside.
    return ("\n".join(loop), "unset BASH_ENV ENV APPTAINERENV_LD_LIBRARY_PATH SINGULARITYENV_LD_LIBRARY_PATH")


def visible(config: SiteConfig) -> tuple[str, ...]:
    """Shell lines that check whether the job's folder is visible in the container; otherwise every step would fail with other messages."""
    return (shell_line((*container(config), "test", "-e", "esd/job.sh")),)


def activate(config: SiteConfig) -> tuple[str, ...]:
    """Shell lines that activate a project, on login and compute nodes; none if the site needs none."""
    return (config.activation.format(account=shlex.quote(config.account)),) if config.activation and config.account else ()


def prepare(config: SiteConfig, *, contained: bool) -> tuple[str, ...]:
    """Shell lines before the first step: the modules or, for a container, its binds and the variables that are kept out."""
    if not contained:
        return (shlex.join(("module", "load", *config.modules)),)
    variables = [re.split(r"[^A-Za-z0-9_]", path[1:], maxsplit=1)[0] for path in config.binds if path.startswith("$")]
    return (*keep_out(config), both_families(), *map(_required, variables))


def both_families() -> str:
    """Shell lines that give each setting of Apptainer its Singularity name and the other way round: each program reads one family only.

    A site's own settings (APPTAINER_BIND of a module) so hold for either program; binds of ours are on the command line and replace none.
    """
    return "\n".join(
        (
            'for name in "${!APPTAINER_@}" "${!APPTAINERENV_@}" "${!SINGULARITY_@}" "${!SINGULARITYENV_@}"; do',
            "  case $name in APPTAINER*) twin=SINGULARITY${name#APPTAINER} ;; *) twin=APPTAINER${name#SINGULARITY} ;; esac",
            '  [ -n "${!twin+set}" ] || export "$twin=${!name}"',
            "done",
        )
    )


def _required(name: str) -> str:
    """A shell line that fails if the site does not set a variable that one of its binds needs."""
    told = f"the site does not set ${name}; correct `binds` in its configuration"
    return f'{{ [ -n "${{{name}:-}}" ] || {{ echo {shlex.quote(told)} >&2; false; }}; }}'


def broadcast(config: SiteConfig, shape: Shape) -> tuple[str, ...]:
    """Shell lines that put the image on each node's own disk; none for few nodes, where reading it over the network costs less.

    Under a name that nobody knows before, and only where there is nothing of that name: `sbcast --force` writes through a link that a
    neighbour laid there.
    """
    if config.broadcast_nodes is None or shape.nodes < config.broadcast_nodes:
        return ()
    copy = f'"{config.broadcast_folder}/esd-$SLURM_JOB_ID-$spread_as.sif"'
    everywhere = shlex.join(("srun", f"--nodes={shape.nodes}", f"--ntasks={shape.nodes}", "--ntasks-per-node=1", "rm", "-f"))
    return (
        "spread_as=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \\n')",
        f'sbcast "$(readlink -f {IMAGE_LINK})" {copy} && mv {IMAGE_LINK} {_SHARED_LINK} && ln -sfn {copy} {IMAGE_LINK}',
        f"trap '{everywhere} {copy}; mv -f {_SHARED_LINK} {IMAGE_LINK}' EXIT",
    )


def digests(shape: Shape) -> str:
    """The step that computes the image's digest once on each node, from the file that runs there."""
    check = ("bash", "esd/digest.sh")
    if shape.nodes == 1:
        return shlex.join(check)  # job.sh runs there
    return shlex.join(("srun", f"--nodes={shape.nodes}", f"--ntasks={shape.nodes}", "--ntasks-per-node=1", *check))


INTERPRETERS = {".py": "python3", ".sh": "bash"}
"""Who reads a script for post-processing, by the end of its name."""


def post(config: SiteConfig, script: str, *, contained: bool) -> Launch:
    """Post-processing: one process on a login node, in what the program had around it."""
    around = container(config.model_copy(update={"sharens": False})) if contained else ()
    return Launch((), around, (INTERPRETERS[PurePosixPath(script).suffix], script))


def launch_file(
    config: SiteConfig,
    shape: Shape,
    command: tuple[str, ...],
    *,
    mode: str,
    after: str | None = None,
    repeats: Repeats = Repeats(),
    instead: Mapping[str, tuple[str, ...]] | None = None,
) -> str:
    """The text of `esd/launch.sh`, which job.sh reads: one shell function for each step. A login node has no MPI wire-up.

    `after`: the script for post-processing, which post.sh runs. `instead`: steps that replace the usual ones.
    """
    contained = mode == "container"
    bare = mode == "login"
    steps = {
        "prepare": prepare(config, contained=contained),
        "spread": broadcast(config, shape) if contained else (),
        "digests": (digests(shape),) if contained else (),
        **({"visible": visible(config)} if contained else {}),
        "wireup": () if bare else (str(wireup(config, shape, contained=contained)),),
        "versions": ("python3 esd/versions.py",) if bare else (str(versions(config, contained=contained)),),
        "program": (repeats.lines(_plain(command) if bare else program(config, shape, command, contained=contained)),),
        **({"post": (str(post(config, after, contained=contained)),)} if after else {}),
        **(instead or {}),
    }
    functions = "".join(_function(name, lines) for name, lines in steps.items())
    return f"# shellcheck shell=bash\n# Written by esd-deploy; read by job.sh.\n{functions}"


def _plain(command: tuple[str, ...]) -> Launch:
    return Launch((), (), ("python3", *command))


def site_file(config: SiteConfig, variables: Mapping[str, str], umask: str | None = None) -> str:
    """The text of `esd/site.sh`, which enter.sh reads before any script of a job. Any value arrives as it is: UNICORE would change some.

    `umask` is that of the scripts and the program, where it is not the job's.
    """
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    mask = f"umask {umask}\n" if umask else ""
    return f"# shellcheck shell=bash\n# Written by esd-deploy; read by enter.sh.\n{mask}{exports}{_function('activate', activate(config))}"


def _function(name: str, lines: tuple[str, ...]) -> str:
    body = " &&\n  ".join(lines) or "true"
    return f"{name}() {{\n  {body}\n}}\n"


def batch_script(
    config: SiteConfig, shape: Shape, command: tuple[str, ...], *, image: PublishedImage | None, time_s: int, name: str | None = None
) -> str:
    """A batch script for `sbatch`, for users who submit themselves: the same launch as in a job of esd-deploy."""
    lines = (
        "#!/usr/bin/env bash",
        *((f"#SBATCH --job-name={name}",) if name else ()),
        *batch_options(config, shape, time_s),
        "set -euo pipefail",
        *activate(config),
        *prepare(config, contained=image is not None),
        *([_image_link(config, image), *broadcast(config, shape)] if image is not None else []),
        *(f"export {name}={shlex.quote(value)}" for name, value in variables(config, shape).items()),
        str(program(config, shape, command, contained=image is not None)),
    )
    return "\n".join(lines) + "\n"


def batch_options(config: SiteConfig, shape: Shape, time_s: int) -> tuple[str, ...]:
    """What a batch script asks of Slurm, as the script's own comments."""
    return (
        f"#SBATCH --nodes={shape.nodes}",
        f"#SBATCH --ntasks-per-node={shape.tasks_per_node}",
        f"#SBATCH --cpus-per-task={shape.threads}",
        f"#SBATCH --time={clock(time_s)}",
        *((f"#SBATCH --gpus-per-node={shape.gpus}",) if shape.gpus else ()),
        *(("#SBATCH --exclusive",) if shape.binding.exclusive else ()),
        *((f"#SBATCH --partition={config.partition}",) if config.partition else ()),
        *((f"#SBATCH --account={config.account}",) if config.account else ()),
    )


def depends(batch_jobs: tuple[str, ...]) -> tuple[str, ...]:
    """What makes Slurm hold a batch job until others have ended with 0, and cancel it where one of them did not."""
    if not batch_jobs:
        return ()
    return (f"#SBATCH --dependency=afterok:{':'.join(batch_jobs)}", "#SBATCH --kill-on-invalid-dep=yes")


def _image_link(config: SiteConfig, image: PublishedImage) -> str:
    sha256, folder = image.sif_digest.removeprefix("sha256:"), f"${config.scratch}/{config.image_cache}-$UID"
    pull = f'mkdir -p -m 700 "{folder}" && {config.apptainer} pull "{folder}/{sha256}.sif" {image.reference.oras}'
    link = f'mkdir -p esd\nln -sfn "{folder}/{sha256}.sif" {IMAGE_LINK}'
    return f"# Once, on a login node: {pull}\n{link}\necho '{sha256}  {IMAGE_LINK}' | sha256sum --check --quiet"


def variables(config: SiteConfig, shape: Shape) -> dict[str, str]:
    """The job's environment variables that do not depend on the image; a script learns its PyNN backend from the last."""
    return {**fence(config), **config.environment, "OMP_NUM_THREADS": str(shape.threads), "PYNN_SIMULATOR": config.backend}


def fence(config: SiteConfig) -> dict[str, str]:
    """Makes the PMIx fences of Slurm's own plugin wait; a site's `environment` may override it.

    A fence without data goes along a tree there. If Slurm's TreeWidth (16, once 50) exceeds the step's nodes, each node is its own tree,
    and the fence waits for no other node. Then an early rank of Open MPI kills a late one (issue 12495 there, SIGSEGV in MPI_Init). The
    ring always waits. docs/measurements/mpi-starts.md.
    """
    return {"SLURM_PMIX_FENCE": "ring"} if re.fullmatch(r"pmix(_v\d+)?", config.mpi) else {}


def clock(seconds: int) -> str:
    """Seconds as Slurm and people write them: HH:MM:SS."""
    minutes, rest = divmod(int(timedelta(seconds=seconds).total_seconds()), 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest:02d}"
