"""The programs of the site: pure descriptions of command, account and namespaces."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from esd_localsite.cluster import registry
from esd_localsite.cluster.network import inside
from esd_localsite.parastation.places import Places
from esd_localsite.state.layout import NODES, Layout

# A node's own disk and memory: two slurmd share one machine, and PMIx keeps its sockets in /tmp under names that would collide.
_NODE = 'hostname "$1"; mount --bind "$2" /tmp; mount -t tmpfs -o mode=1777 tmpfs /dev/shm; shift 2; exec "$@"'

# The controller writes its state some seconds late: after a crash it would give the numbers of running jobs to new ones, and then drain
# the nodes for the duplicate. It never takes 250 jobs in those seconds.
_COUNT_ON = """last=$(sed -n 's/^FirstJobId=//p' "$1"); echo "FirstJobId=$((last + 250))" >"$1.part"; mv "$1.part" "$1"; shift"""

# For the same reason it starts a job again that it had just started. The node, which runs that one, tells of a duplicate, and is drained
# for good. Here, when it has no job any more, it is given back; an administrator does the same.
_GIVE_BACK = r"""(for _ in $(seq 60); do
  sleep 5
  kill -0 $$ || exit 0
  sinfo --noheader --Node --states=drained --format='%N|%E' | sed -n 's/|Duplicate jobid$//p' |
    xargs -r -I{} scontrol update NodeName={} State=RESUME || true
done) >/dev/null 2>&1 &
exec "$@"
"""
# What psid expects at places that its build fixed: munge's socket, the plugins' configuration, a spool that is not the other node's.
_PLACES = """
socket=$1 confs=$2 spool=$3; shift 3
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir /run/munge
ln -s "$socket" /run/munge/munge.socket.2
for conf in "$confs"/*.conf; do mount --bind "$conf" "$INSTALLED/plugins/${conf##*/}"; done
mkdir -p "$spool/jobs"  # psslurm writes each batch script there and does not make it
mount --bind "$spool" "$INSTALLED/var/spool/parastation"
exec "$@"
"""

# Without a process namespace: kill the daemon if its supervisor is killed.
TIED = ("setpriv", "--pdeathsig", "KILL", "--")


@dataclass(frozen=True)
class Daemon:
    """One long-running program of the site; its name is also that of its log."""

    name: str
    argv: tuple[str, ...]
    user: str | None = "root"
    """None: the supervisor's own."""
    environment: Mapping[str, str] = field(default_factory=dict)
    restarts: bool = False
    """Whether it is restarted when it ends by itself; otherwise the site ends with it."""
    argv_anew: tuple[str, ...] = ()
    """The command for a restart, if it differs."""
    stop_seconds: float = 5.0
    """How long it may take to end on request."""

    @property
    def anew(self) -> "Daemon":
        """The daemon as it is restarted after it ended by itself."""
        return replace(self, argv=self.argv_anew or self.argv)


def munged(layout: Layout) -> Daemon:
    """The site's own munge, with its own key and socket: the machine's, if there is one, is not touched."""
    files = {
        "socket": layout.munge_socket,
        "key-file": layout.munge / "key",
        "pid-file": layout.munge / "pid",
        "seed-file": layout.munge / "seed",
        "log-file": layout.munge / "log",
    }
    return Daemon("munged", ("munged", "--foreground", *(f"--{name}={path}" for name, path in files.items())), user="munge")


def slurmctld(layout: Layout) -> Daemon:
    """Slurm's controller, on the login side. `-c`: it forgets earlier jobs, which ended with the site and must not run again.

    If only the controller ended, the jobs still run, and it resumes them.
    """
    plain = ("slurmctld", "-D", "-f", str(layout.slurm_conf))
    anew = ("sh", "-ec", f"{_COUNT_ON}\n{_GIVE_BACK}", "sh", str(layout.first_job), *plain)
    return Daemon("slurmctld", (*plain[:2], "-c", *plain[2:]), environment=slurm_environment(layout), restarts=True, argv_anew=anew)


def slurmd(layout: Layout, node: str) -> Daemon:
    """A compute node: slurmd with its own network, host name, /tmp and /dev/shm."""
    own = ("unshare", "--uts", "--mount", "--", "sh", "-ec", _NODE, "sh", node, str(layout.node(node) / "tmp"))
    return Daemon(
        node, (*inside(layout, node), *own, "slurmd", "-D", "-N", node, "-f", str(layout.slurm_conf)), environment=slurm_environment(layout)
    )


def slurmds(layout: Layout) -> tuple[Daemon, ...]:
    """All compute nodes."""
    return tuple(slurmd(layout, node) for node in NODES)


def psid(layout: Layout, node: str) -> Daemon:
    """A compute node: psid, which loads psslurm and pspmix, with its own network, host name, /tmp, /dev/shm and /run."""
    places = Places(layout)
    own = ("unshare", "--uts", "--mount", "--", "sh", "-ec", _NODE, "sh", node, str(layout.node(node) / "tmp"))
    fitted = ("sh", "-ec", _PLACES, "sh", str(layout.munge_socket), str(places.plugins), str(layout.node(node) / "spool"))
    program = (str(places.installed / "sbin" / "psid"), "-f", str(places.daemon(node)), "-l", "stderr", "-d", "0")
    environment = {**slurm_environment(layout), "INSTALLED": str(places.installed)}
    return Daemon(node, (*inside(layout, node), *own, *fitted, *program), environment=environment, stop_seconds=10)


def psids(layout: Layout) -> tuple[Daemon, ...]:
    """All compute nodes."""
    return tuple(psid(layout, node) for node in NODES)


def docker_registry(layout: Layout) -> Daemon:
    """The OCI registry."""
    serve = ("docker-registry", "serve", str(layout.registry_config))
    user, tied = (registry.USER, ()) if layout.needs_root else (None, TIED)
    return Daemon("registry", (*tied, *serve), user=user, restarts=True)


def registry_login(layout: Layout) -> Daemon:
    """The registry's token service. It starts as root, to read the checkout, and continues in the registry's account."""
    argv = (sys.executable, "-m", "esd_localsite.login", "--config", str(layout.login_config))
    user, tied = ("root", ()) if layout.needs_root else (None, TIED)
    return Daemon("login", (*tied, *argv), user=user, environment=python_environment(), restarts=True)


# Large blocks (a password's hash takes 16 MB) go back to the system at once, not into each thread's reserve.
FLAT_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "1048576"}


def unicore(layout: Layout) -> Daemon:
    """The UNICORE endpoint. It acts for the users, so it starts as root if there is more than one account."""
    argv = (sys.executable, "-m", "esd_localsite.front", "--config", str(layout.unicore_config))
    if not layout.needs_root:
        return Daemon("unicore", (*TIED, *argv), user=None, environment={**python_environment(), **FLAT_MEMORY}, restarts=True)
    return Daemon("unicore", argv, environment={**slurm_environment(layout), **python_environment(), **FLAT_MEMORY}, restarts=True)


def slurm_environment(layout: Layout) -> dict[str, str]:
    """Variables that tell the site's programs which Slurm to use."""
    return {"SLURM_CONF": str(layout.slurm_conf)}


def python_environment() -> dict[str, str]:
    """Variables with which another interpreter finds this code."""
    return {"PYTHONPATH": str(Path(__file__).resolve().parents[2]), "PYTHONUNBUFFERED": "1"}
