"""The faults: what each changes at a local site or in its image, how that is undone, and the check that must find it."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from esd_build.data.reference import ImageReference
from esd_build.registry import Credentials, Registry

STATE = Path("/var/lib/esd-localsite")
SITE = """kind: unicore
description: a fault on purpose
status_file: {state}/status.json
mpi: pmix
network: ethernet
binds: [/tmp]
limits: {{nodes: 2, time_s: 86400}}
poll_s: 1
"""


@dataclass(frozen=True)
class Place:
    """The local site that the faults are built on."""

    name: str
    work: Path

    @property
    def state(self) -> Path:
        return STATE / self.name

    @property
    def status(self) -> dict[str, str]:
        return json.loads((self.state / "status.json").read_text())

    @property
    def registry(self) -> str:
        return self.status["registry"]

    def slurm(self, *command: str, check: bool = True) -> None:
        """One of Slurm's commands, at this site."""
        subprocess.run(
            command, check=check, env={"PATH": "/usr/bin:/bin:/sbin:/usr/sbin", "SLURM_CONF": str(self.state / "slurm/slurm.conf")}
        )

    def push(self, word: str, file: Path, annotations: dict[str, str]) -> str:
        """Push a SIF file under another name; returns its reference with the digest."""
        account = Credentials.read(Path(self.status["registry_login_file"]))
        registry = Registry(self.registry, ca_file=Path(self.status["ca_file"]), credentials=account)
        return str(registry.push(file, ImageReference.parse(f"{self.registry}/esd/{word}"), annotations).reference)


def _nothing(_place: Place) -> AbstractContextManager[str]:
    return nullcontext("nest:edge")


@dataclass(frozen=True)
class Fault:
    """A change to the site's file, or something done to the site; `expected` is the check that must fail."""

    name: str
    expected: str
    change: Callable[[str], str] = field(default=lambda text: text)
    build: Callable[[Place], AbstractContextManager[str]] = _nothing
    options: tuple[str, ...] = ()


def environment(**variables: str) -> Callable[[str], str]:
    """Variables of every job at the site."""
    lines = "".join(f"  {name}: '{value}'\n" for name, value in variables.items())
    return lambda text: f"{text}environment:\n{lines}"


def replaced(old: str, new: str) -> Callable[[str], str]:
    """Another value for a key of the site's file."""

    def change(text: str) -> str:
        return text.replace(old, new)

    return change


def both(*changes: Callable[[str], str]) -> Callable[[str], str]:
    """Several changes of the site's file."""

    def change(text: str) -> str:
        for one in changes:
            text = one(text)
        return text

    return change


@contextmanager
def renamed_nodes(place: Place) -> Iterator[str]:
    """Host names that are not Slurm's node names."""
    children = subprocess.run(
        ["pgrep", "-f", f"slurmd -D -N c[12] -f {place.state}/"], capture_output=True, text=True, check=True
    ).stdout.split()
    lines = {pid: Path(f"/proc/{pid}/cmdline").read_text().split("\0") for pid in children}
    slurmds = {pid: argv[argv.index("-N") + 1] for pid, argv in lines.items() if argv[0].endswith("slurmd")}
    try:
        for pid, node in slurmds.items():
            subprocess.run(["nsenter", f"--uts=/proc/{pid}/ns/uts", "hostname", f"node-{node}"], check=True)
        yield "nest:edge"
    finally:
        for pid, node in slurmds.items():
            subprocess.run(["nsenter", f"--uts=/proc/{pid}/ns/uts", "hostname", node], check=True)


@contextmanager
def node_down(place: Place) -> Iterator[str]:
    """One of two nodes is out of order."""
    place.slurm("scontrol", "update", "NodeName=c2", "State=DOWN", "Reason=memory module is broken")
    try:
        yield "nest:edge"
    finally:
        place.slurm("scontrol", "update", "NodeName=c2", "State=RESUME", check=False)  # a node that registers again is up by itself


@contextmanager
def without_mpi(place: Place) -> Iterator[str]:
    """The image's own base with Python, but no MPI."""
    sif = place.work / "no-mpi.sif"
    if not sif.is_file():
        _build(
            place.work,
            sif,
            "Bootstrap: localimage\nFrom: image.sif\n%post\n"
            "    rm -f /usr/lib/*/libmpi*.so* /usr/lib/*/libpmix*.so* /usr/lib/*/pmix2/lib/libpmix*\n"
            "    rm -rf /usr/local/lib/python3*/dist-packages/mpi4py* /opt /usr/local/lib/python3*/dist-packages/[s-z]*\n",
        )
    yield place.push("nompi:edge", sif, {"eu.ebrains.esd.target": "x86_64_v3"})


@contextmanager
def another_processor(place: Place) -> Iterator[str]:
    """A small image with another target, whose one program ends as one does that meets an unknown instruction."""
    sif = place.work / "other-cpu.sif"
    if not sif.is_file():
        program = place.work / "illegal"
        (place.work / "illegal.c").write_text("int main(void) { __builtin_trap(); }\n")
        subprocess.run(["gcc", "-static", "-o", program, place.work / "illegal.c"], check=True)
        _build(place.work, sif, "Bootstrap: scratch\n%files\n    illegal /bin/true\n    illegal /bin/sh\n    illegal /bin/python3\n")
    yield place.push("othercpu:edge", sif, {"eu.ebrains.esd.target": "sapphirerapids"})


@contextmanager
def moved_tag(place: Place) -> Iterator[str]:
    """A released tag that was pushed over after it was validated."""
    image = place.work / "image.sif"
    first = place.push("moved:25.04", image, {"eu.ebrains.esd.target": "x86_64_v3", "build": "first"})
    place.push("moved:25.04", image, {"eu.ebrains.esd.target": "x86_64_v3", "build": "second"})
    yield first


def _build(work: Path, sif: Path, definition: str) -> None:
    (work / "image.def").write_text(definition)
    shutil.chown(work, "esd", "esd")
    command = ["apptainer", "build", "--force", str(sif), "image.def"]
    subprocess.run(["runuser", "-u", "esd", "--", *command], cwd=work, check=True, capture_output=True)


QUICK = ("--quick",)
FAULTS = (
    Fault("none", "", options=QUICK),
    Fault("wrong-plugin", "plugin", replaced("mpi: pmix", "mpi: pmix_v9"), options=(*QUICK, "--suggest")),
    Fault("host-name", "host-names", build=renamed_nodes, options=(*QUICK, "--suggest")),
    Fault(
        "pmix-hidden",
        "pmix-folder",
        both(replaced("binds: [/tmp]\n", ""), environment(APPTAINER_NO_MOUNT="tmp", APPTAINER_BIND="/usr/share:/tmp")),
        options=(*QUICK, "--suggest"),
    ),
    Fault("no-sharens", "user-namespace", lambda text: f"{text}sharens: false\n", options=(*QUICK, "--suggest")),
    Fault(
        "ucx-tcp",
        "transport-node",
        environment(UCX_TLS="tcp", OMPI_MCA_pml="ucx", OMPI_MCA_opal_common_ucx_tls="any", OMPI_MCA_opal_common_ucx_devices="any"),
        options=(*QUICK, "--suggest"),
    ),
    Fault("promised-infiniband", "transport-nodes", replaced("network: ethernet", "network: infiniband"), options=QUICK),
    # Ranks of two nodes look for each other on the loopback interface: they wait for ever.
    Fault("hang", "wireup-nodes", environment(OMPI_MCA_btl_tcp_if_include="lo", OMPI_MCA_btl="self,sm,tcp"), options=(*QUICK, "--suggest")),
    Fault("no-mpi", "mpi", build=without_mpi, options=QUICK),
    Fault("other-processor", "processor", build=another_processor, options=QUICK),
    Fault("moved-tag", "tag", build=moved_tag, options=QUICK),
    Fault(
        "leaking-path",
        "leaks",
        environment(APPTAINERENV_LD_LIBRARY_PATH="/usr/lib/x86_64-linux-gnu", PYTHONPATH="/usr/lib/python3/dist-packages"),
        options=QUICK,
    ),
    # Slurm's own tree, where TreeWidth (50) exceeds the nodes: the fence waits for nobody.
    Fault("fence-tree", "fence", environment(SLURM_PMIX_FENCE="tree"), options=QUICK),
    Fault("oversubscribed", "threads", environment(APPTAINERENV_OMP_NUM_THREADS="16"), options=QUICK),
    Fault("node-down", "nodes", build=node_down, options=(*QUICK, "--queue-time", "15")),
    Fault("short-time", "job", options=("--time", "60")),
    Fault("no-pmix", "pmix", replaced("mpi: pmix", "mpi: pmi2"), options=(*QUICK, "--suggest")),
)
