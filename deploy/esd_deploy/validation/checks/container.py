"""Checks a container of the image: it starts without a network, passes exit codes on, shows the promised paths; nothing leaks in. Pure."""

from pydantic import Field

from esd_deploy.plans import launch
from esd_deploy.plans.launch import Shape
from esd_deploy.sites.config import SiteConfig
from esd_deploy.validation.checks.nodes import nodes
from esd_deploy.validation.terms.check import Check, Topic, tags
from esd_deploy.validation.terms.launcher import MPI_S, SHORT_S, Launcher
from esd_deploy.validation.terms.observations import Facts, Observations
from esd_deploy.validation.terms.step import Step
from esd_deploy.validation.terms.verdict import Verdict, failed, passed, skipped


class Inside(Facts):
    """Output of `inside.py` for one rank."""

    host: str
    node: str
    rank: int
    namespace: str
    cpus: tuple[int, ...]
    threads: str | None
    leaks: dict[str, str]
    own: dict[str, str] = Field(default_factory=dict)
    pmix_server: str | None
    pmix_security: str | None
    pmix_storage: str | None
    pmix_store: str | None = None
    """Which of the server's stores the environment chooses."""
    pmix_namespace: str | None
    pmix_hidden: tuple[str, ...]
    tmp: str = ""
    pmix_client: str | None
    ucx: str | None
    mpi: bool
    mpi4py: bool
    binds: dict[str, tuple[bool, bool]]
    folder_writable: bool


def starts(observed: Observations) -> Verdict:
    """A container of this image starts and ends on each node."""
    output = observed.require("start")
    if output.illegal_instruction:
        return failed("a program in the image used an illegal instruction", "the image is for another processor: see 'processor'")
    if not output.succeeded:
        return failed(
            f"`apptainer exec` ended with exit code {output.code}: {output.last_words}",
            "correct `apptainer`, or see 'namespaces'",
        )
    return passed(f"in {output.seconds:.1f} s on {observed.nodes} nodes")


def exit_code(observed: Observations) -> Verdict:
    """Container and srun pass a program's exit code on unchanged."""
    output = observed.require("exit-code")
    if output.code != 7:
        return failed(
            f"a program's exit code 7 arrives as {output.code}: {output.last_words}", "`sharens`: false, if the code is 148 or 255"
        )
    return passed("7 arrives as 7")


def network(observed: Observations) -> Verdict:
    """Containers start on nodes that cannot reach the registry, so they fetch nothing there."""
    found = nodes(observed.require("node"))
    reached = [node.name for node in found if node.get("registry") == "reached"]
    if reached:
        return skipped(f"{', '.join(reached)} can reach the registry, so this site cannot show that containers need no network")
    return passed("no node reaches the registry, and containers start")


def binds(observed: Observations) -> Verdict:
    """The container shows the paths that the site's file promises, and can write to the job's folder."""
    found = observed.require("inside").facts(Inside)
    wrong = sorted({f"{rank.node}: {path} is not visible" for rank in found for path, seen in rank.binds.items() if not seen[0]})
    wrong += sorted({f"{rank.node}: the job's folder is not writable inside" for rank in found if not rank.folder_writable})
    if wrong:
        return failed("; ".join(wrong), "`binds` in the site's file")
    shown = sorted({path for rank in found for path in rank.binds})
    return passed(f"visible: {', '.join(shown) or 'only what Apptainer shows by itself'}; the job's folder is writable")


def leaks(observed: Observations) -> Verdict:
    """No path of the host's software reaches programs in the image."""
    found = observed.require("inside").facts(Inside)
    values = {
        (name, foreign) for rank in found for name, value in rank.leaks.items() if (foreign := _foreign(value, rank.own.get(name, "")))
    }
    if values:
        text = ", ".join(f"{name}={value}" for name, value in sorted(values))
        names = ", ".join(sorted({name for name, _ in values}))
        return failed(
            f"the host's {text} is set in the container: programs may load the host's libraries",
            f"`environment`: remove {names}, or unload the module",
        )
    return passed("the container sees neither library nor Python paths of the host")


def _foreign(value: str, own: str) -> str:
    """The paths that neither the image nor Apptainer sets; Apptainer has a folder for the libraries of the host's drivers."""
    known = {"", *own.split(":")}
    return ":".join(part for part in value.split(":") if part not in known and not part.startswith("/.singularity.d"))


def _steps(at: Launcher) -> tuple[Step, ...]:
    return (
        Step("start", at.everywhere(at.site.apptainer, "exec", launch.IMAGE_LINK, "true"), MPI_S),
        Step("inside", at.inside(at.on_all, "python3", "esd/inside.py", *promised(at.site)), MPI_S),
        Step("exit-code", at.inside(Shape(), "sh", "-c", "exit 7"), SHORT_S),
    )


def promised(site: SiteConfig) -> tuple[str, ...]:
    """The paths that the site promises to show in the container; the job's shell expands variables in them."""
    return tuple(path for path in site.binds if path.startswith("/"))


TOPIC = Topic(
    steps=_steps,
    checks=(
        Check("start", "a container starts", tags("image container"), starts, ("start",), ("image",), "`apptainer`"),
        Check("exit-code", "exit codes arrive unchanged", tags("container"), exit_code, ("exit-code",), ("start", "plugin"), "`mpi`"),
        Check("no-network", "nodes need no network", tags("site container"), network, ("node",), ("start",)),
        Check("binds", "promised paths are visible", tags("container"), binds, ("inside",), ("start", "plugin"), "`binds`"),
        Check("leaks", "nothing of the host leaks in", tags("container"), leaks, ("inside",), ("start", "plugin"), "`mpi`"),
    ),
)
