"""The names and paths of a local site. Nothing here acts."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from esd_localsite.errors import LocalSiteError

STATE_ROOT = Path("/var/lib/esd-localsite")
LOGIN = "login"
"""Host name of the login side, where slurmctld, the registry and the UNICORE endpoint run."""
NODES = ("c1", "c2")
"""Host names of the compute nodes; equal to their Slurm node names, or Open MPI finds no path between local ranks."""
JOB_USER = "esd"
"""The unprivileged account of all jobs, and the name of the one UNICORE user."""
SERVER_USER = "unicorex"
"""The account of the real UNICORE/X, which exists only inside the site: neither root nor a user, whose jobs could read its secrets."""
SERVER_NAMES = ("127.0.0.1", "localhost")
"""The names in the site's certificates: its servers listen on loopback only."""

_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")


@dataclass(frozen=True)
class Layout:
    """The state directory of the site `name`. Raises LocalSiteError for a name that is invalid in a host name or path."""

    name: str
    root: Path = STATE_ROOT

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise LocalSiteError(
                f"'{self.name}' cannot name a local site: use at most 31 lower-case letters, digits and '-', beginning with a letter"
            )

    @property
    def state(self) -> Path:
        return self.root / self.name

    @property
    def needs_root(self) -> bool:
        """Whether the site belongs to the machine and has nodes and a network; otherwise it belongs to one user."""
        return self.root != user_root()

    @property
    def lock(self) -> Path:
        """Locked as long as the site lives; holds the supervisor's process id."""
        return self.state / "lock"

    @property
    def operations(self) -> Path:
        """Locked by one `up` or `down` at a time, for all sites, so that no two of them choose the same network or port."""
        return self.root / ".lock"

    @property
    def status(self) -> Path:
        return self.state / "status.json"

    @property
    def plan(self) -> Path:
        """The site's addresses and ports on this machine; kept, so that they stay the same."""
        return self.state / "site.json"

    @property
    def password(self) -> Path:
        return self.state / "password"

    @property
    def scratch(self) -> Path:
        return self.state / "scratch"

    @property
    def uspace(self) -> Path:
        return self.state / "uspace"

    @property
    def slurm_conf(self) -> Path:
        return self.state / "slurm" / "slurm.conf"

    @property
    def first_job(self) -> Path:
        """The part of slurm.conf that sets the first job number."""
        return self.slurm_conf.with_name("first-job.conf")

    @property
    def slurm_state(self) -> Path:
        return self.state / "slurmctld"

    @property
    def munge(self) -> Path:
        return self.state / "munge"

    @property
    def munge_socket(self) -> Path:
        return self.munge / "socket"

    @property
    def registry(self) -> Path:
        return self.state / "registry"

    @property
    def registry_config(self) -> Path:
        return self.state / "registry.yml"

    @property
    def registry_login(self) -> Path:
        """The account that may push to the registry; only the user who started the site can read it."""
        return self.state / "registry-login.json"

    @property
    def login_config(self) -> Path:
        """The configuration of the registry's token service."""
        return self.state / "login.json"

    @property
    def unicore(self) -> Path:
        return self.state / "unicore"

    @property
    def unicore_config(self) -> Path:
        return self.unicore / "config.json"

    @property
    def users(self) -> Path:
        return self.unicore / "users.json"

    @property
    def mpi_plugins(self) -> Path:
        """Slurm's plugin folder, if the site chooses its MPI plugins."""
        return self.state / "slurm" / "plugins"

    @property
    def modulefiles(self) -> Path:
        """What `module avail` shows."""
        return self.state / "modulefiles"

    @property
    def software(self) -> Path:
        """The software behind the modules."""
        return self.state / "software"

    @property
    def shell_start(self) -> Path:
        """What every bash of a job reads first (BASH_ENV)."""
        return self.state / "profile.sh"

    @property
    def platforms(self) -> Path:
        """Images of the neuromorphic queue's platforms."""
        return self.state / "platforms"

    @property
    def passwd(self) -> Path:
        """The /etc/passwd that everything inside the site sees."""
        return self.state / "passwd"

    @property
    def group(self) -> Path:
        return self.state / "group"

    @property
    def homes(self) -> Path:
        """Home folders of the accounts that only the site has."""
        return self.state / "homes"

    @property
    def passwords(self) -> Path:
        """Passwords of further users, one file each."""
        return self.state / "passwords"

    def password_of(self, user: str) -> Path:
        """The file with the password that the site made for a user."""
        return self.password if user == JOB_USER else self.passwords / user

    @property
    def faults(self) -> Path:
        """The faults that are switched on, see `faults`."""
        return self.unicore / "faults.json"

    @property
    def control(self) -> Path:
        """The socket by which the supervisor takes orders."""
        return self.state / "control"

    @property
    def hosts(self) -> Path:
        """The /etc/hosts that everything inside the site sees."""
        return self.state / "hosts"

    @property
    def tls(self) -> "TlsFiles":
        return TlsFiles(self.state / "tls")

    def log(self, daemon: str) -> Path:
        return self.state / "log" / f"{daemon}.log"

    @property
    def networks(self) -> Path:
        """Where the network namespaces are mounted: only in the supervisor's mount namespace, so that they end with it."""
        return self.state / "net"

    def network(self, namespace: str) -> Path:
        """The file of one network namespace."""
        return self.networks / namespace

    def node(self, node: str) -> Path:
        """A compute node's own disk: its /tmp and slurmd's spool."""
        return self.state / "nodes" / node

    @property
    def identity(self) -> str:
        """The identity of the state directory, by device and inode; "" before it exists.

        In another root file system, which may share this machine's network, the same path names another directory.
        """
        try:
            found = self.state.stat()
        except OSError:
            return ""
        return f"{found.st_dev:x}.{found.st_ino:x}"

    @property
    def interface(self) -> str:
        """The login side's network interface: one per state directory, within the kernel's 15 characters."""
        return f"esd-{hashlib.sha256(f'{self.name}/{self.identity}'.encode()).hexdigest()[:8]}"


def user_root() -> Path:
    """Where sites without root are: in the caller's own folders."""
    return platformdirs.user_state_path("esd-localsite")


def find_layout(name: str, *, without_root: bool | None = None) -> Layout:
    """The site of that name: the caller's own if it exists, else the machine's. `without_root`: for a new site."""
    own = Layout(name, user_root())
    if own.state.is_dir() if without_root is None else without_root:
        return own
    return Layout(name)


@dataclass(frozen=True)
class TlsFiles:
    """The files of the site's certificate authority and of the certificates that it signed."""

    folder: Path

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def ca_key(self) -> Path:
        return self.folder / "ca.key"

    @property
    def bundle(self) -> Path:
        """The machine's certificate authorities and the site's, for programs on the login node."""
        return self.folder / "ca-bundle.pem"

    def certificate(self, server: str) -> Path:
        return self.folder / f"{server}.pem"

    def key(self, server: str) -> Path:
        return self.folder / f"{server}.key"
