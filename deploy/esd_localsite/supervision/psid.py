"""ParaStation's daemon on the compute nodes: a pure description."""

from esd_localsite.cluster.network import inside
from esd_localsite.parastation.places import Places
from esd_localsite.state.layout import NODES, Layout
from esd_localsite.supervision.daemons import NODE, Daemon, slurm_environment

# What psid expects at places that its build fixed: munge's socket, the plugins' configuration, a spool that is not the other node's.
_PLACES = """
socket=$1 confs=$2 spool=$3; shift 3
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir /run/munge
ln -s "$socket" /run/munge/munge.socket.2
for conf in "$confs"/*.conf; do mount --bind "$conf" "$INSTALLED/plugins/${conf##*/}"; done
mount --bind "$spool" "$INSTALLED/var/spool/parastation"
exec "$@"
"""


def psid(layout: Layout, node: str) -> Daemon:
    """A compute node: psid, which loads psslurm and pspmix, with its own network, host name, /tmp, /dev/shm and /run."""
    places = Places(layout)
    own = ("unshare", "--uts", "--mount", "--", "sh", "-ec", NODE, "sh", node, str(layout.node(node) / "tmp"))
    fitted = ("sh", "-ec", _PLACES, "sh", str(layout.munge_socket), str(places.plugins), str(layout.node(node) / "spool"))
    program = (str(places.installed / "sbin" / "psid"), "-f", str(places.daemon(node)), "-l", "stderr", "-d", "0")
    environment = {**slurm_environment(layout), "INSTALLED": str(places.installed)}
    return Daemon(node, (*inside(layout, node), *own, *fitted, *program), environment=environment, stop_seconds=10)


def psids(layout: Layout) -> tuple[Daemon, ...]:
    """All compute nodes."""
    return tuple(psid(layout, node) for node in NODES)
