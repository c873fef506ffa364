"""The options that several commands share."""

from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from esd_build.data.names import choose
from esd_deploy.commands.shared import completion, words
from esd_deploy.sites.config import Mode

IMAGE_VARIABLE = "EBRAINS_ESD_IMAGE"
"""The variable with the image of runs that name none; the published workflow uses the same name."""


def time_s(text: str | None) -> int | None:
    """A time limit in seconds, or None."""
    return None if text is None else words.seconds(text)


def mode(word: str | None) -> Mode | None:
    """A mode by its name; raises UsageError for any other word."""
    if word is None:
        return None
    choose(word, get_args(Mode), what="mode")
    return cast("Mode", word)


Script = Annotated[
    Path, typer.Argument(help="The program: a Python script; or a folder or an archive (zip, tar) with run.py.", show_default=False)
]
Arguments = Annotated[list[str] | None, typer.Argument(metavar="[-- ARGUMENTS]", help="Its arguments, after --.")]
SiteName = Annotated[
    str, typer.Option("--site", help="Where it runs: a name from `esd-deploy sites`, or a YAML file.", autocompletion=completion.sites)
]
SiteWord = Annotated[
    str, typer.Argument(metavar="SITE", help="A name from `esd-deploy sites`, or a YAML file.", autocompletion=completion.sites)
]
Image = Annotated[
    str | None,
    typer.Option(
        help=f"nest, nest:25.04, or a full reference; default: ${IMAGE_VARIABLE}, else the site's own modules.",
        autocompletion=completion.images,
    ),
]
_NAMED_IMAGE = typer.Option(
    "--image", help="nest, nest:25.04, or a full reference.", envvar=IMAGE_VARIABLE, autocompletion=completion.images
)
NeededImage = Annotated[str, _NAMED_IMAGE]
AnyImage = Annotated[str | None, _NAMED_IMAGE]
Nodes = Annotated[int, typer.Option("--nodes", "-N", min=1, help="Compute nodes.")]
TasksPerNode = Annotated[int | None, typer.Option(min=1, help="MPI ranks on each node; default: 1, unless -n is given.")]
Ranks = Annotated[int | None, typer.Option("--ntasks", "-n", min=1, help="MPI ranks on all nodes together; a multiple of the nodes.")]
Threads = Annotated[int, typer.Option("--threads", "--cpus-per-task", "-c", min=1, help="Threads in each rank.")]
Gpus = Annotated[int, typer.Option("--gpus", min=0, help="GPUs of each node.")]
Bind = Annotated[
    str | None,
    typer.Option("--bind", metavar="WHAT", help="Bind each rank to cores, threads, sockets, ldoms or none; else as the site's file says."),
]
Hint = Annotated[
    str | None, typer.Option("--hint", metavar="HINT", help="How cores are used: nomultithread, multithread, compute_bound, memory_bound.")
]
RanksPerSocket = Annotated[int | None, typer.Option("--ranks-per-socket", min=1, help="Most MPI ranks on one socket.")]
Exclusive = Annotated[bool, typer.Option("--exclusive", help="Whole nodes, with no other job on them.")]
Time = Annotated[
    str | None,
    typer.Option(
        "--time",
        "-t",
        metavar="TIME",
        help="Run time limit: seconds, MM:SS, HH:MM:SS, D-HH:MM:SS, 90m, 2h; default: the site's.",
    ),
]
JobName = Annotated[str | None, typer.Option("--job-name", "-J", help="A name for people, for the run and in the batch job's name.")]
Environment = Annotated[
    list[str] | None,
    typer.Option("--env", metavar="NAME=VALUE", help="A variable of the job; may be repeated. The record contains it: no secrets."),
]
HardwareConfig = Annotated[
    list[str] | None,
    typer.Option(
        "--hardware-config",
        metavar="KEY=VALUE",
        help='Neuromorphic queues: a setting of the machine; repeatable. true, false, a number, else text ("7.0" too). No secrets.',
    ),
]
Requirements = Annotated[
    Path | None,
    typer.Option(
        "--requirements", "-r", metavar="FILE", help="Python packages besides those of the image: locked, and installed once at the site."
    ),
]
Output = Annotated[Path, typer.Option(help="Folder of all runs; each run gets a folder in it.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output, and no progress.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the launch line and the job description; submit nothing.")]
RunId = Annotated[str, typer.Argument(metavar="ID", help="A run's id, the beginning of it, or `last`.", autocompletion=completion.runs)]
RunIds = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ID]...", help="Runs: ids, beginnings of ids, or `last`.", autocompletion=completion.runs, show_default=False),
]
OfTag = Annotated[str | None, typer.Option("--tag", help="All runs with this tag.")]
KnownSite = Annotated[
    str | None, typer.Option("--site", help="The run's site, if it is a YAML file of your own.", autocompletion=completion.sites)
]
AnyRuns = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ID|URL]...",
        help="Runs: ids, beginnings of ids, `last`, or URLs of jobs; one from another machine needs --site.",
        autocompletion=completion.runs,
        show_default=False,
    ),
]
ModeName = Annotated[
    str | None,
    typer.Option("--mode", help="container (with --image), module or login (the site's own modules, in batch or on the login node)."),
]
Inputs = Annotated[
    list[Path] | None, typer.Option("--input", "-i", help="A file or a folder that the script needs beside it; may be repeated.")
]
PartitionName = Annotated[str | None, typer.Option("--partition", "-p", help="Slurm partition; default: the site's.")]
Account = Annotated[str | None, typer.Option("--account", "-A", help="Account or project that the site charges.")]
Tags = Annotated[list[str] | None, typer.Option(help="A label that groups runs; may be repeated.")]
After = Annotated[
    list[str] | None,
    typer.Option(
        "--after",
        metavar="ID",
        help="Begin after this run has ended well; repeatable. With `submit: sbatch` in the site's file Slurm waits, else this command.",
        autocompletion=completion.runs,
    ),
]
Components = Annotated[
    list[str] | None,
    typer.Option(
        "--component",
        metavar="KEY=VALUE,…",
        help="A further program in the same MPI world: name=N,image=I,script=S[,nodes=1][,tasks=1][,threads=1][,partition=P]; repeatable.",
    ),
]
Post = Annotated[
    Path | None,
    typer.Option("--post", metavar="SCRIPT", help="A .py or .sh that runs on the login node once the run has ended well, in its folder."),
]
RequireSignature = Annotated[
    bool,
    typer.Option(
        "--require-signature",
        envvar="ESD_REQUIRE_SIGNATURE",
        help="Refuse an image without a signature by a trusted key: $ESD_TRUSTED_KEYS, or trusted-keys/*.pub of your configuration folder.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Proceed even if a check fails.")]
Model = Annotated[Path | None, typer.Option(help="A NESTML neuron, which is compiled for the image and sent along as MODEL_module.")]
