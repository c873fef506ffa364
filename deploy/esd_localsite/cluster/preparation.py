"""What `up` writes before anything starts: the state directory, the plan, keys, certificates and configuration files."""

import os
import secrets
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path

from esd_localsite.cluster import accounts, certificates, modules, mpi_plugins, platforms, registry, site_accounts, slurm, unicore_config
from esd_localsite.cluster.network import used_networks
from esd_localsite.errors import LocalSiteError
from esd_localsite.state.files import make_folder, write
from esd_localsite.state.layout import JOB_USER, LOGIN, NODES, SERVER_USER, Layout
from esd_localsite.state.options import Server, SiteOptions
from esd_localsite.state.plan import Ports, SitePlan, checkout, choose_network, choose_port, code_fingerprint
from esd_localsite.state.programs import run

_REAL_SERVER_PORTS = ("server", "tsi", "tsi_reply")


def prepare(layout: Layout, environment: Mapping[str, str], options: SiteOptions | None = None) -> SitePlan:
    """Prepare the state directory for a start. Existing images, keys and jobs are kept.

    `options`: None keeps those of the last start.
    """
    make_folders(layout)
    plan = make_plan(layout, SitePlan.read(layout), options)
    write(layout.plan, plan.model_dump_json(indent=2) + "\n")
    write_secrets(layout, plan.options, accounts.calling_user(environment))
    write_certificates(layout)
    if layout.needs_root:
        write_cluster(layout, plan)
    write_modules(layout)
    platforms.offer_built(layout)
    layout.faults.unlink(missing_ok=True)  # a site starts whole
    write_registry(layout, plan, accounts.calling_user(environment))
    write(layout.unicore_config, unicore_config.endpoint_config(layout, plan).model_dump_json(indent=2), mode=0o600)
    return plan


def write_registry(layout: Layout, plan: SitePlan, owner: int | None) -> None:
    """Writes the registry's configuration, the account that may push, and the token service's configuration."""
    write(layout.registry_config, registry.registry_config(layout, plan))
    told = registry.login_config(layout, plan, registry.keep_account(layout, owner))
    write(layout.login_config, told.model_dump_json(indent=2), mode=0o600)


def write_cluster(layout: Layout, plan: SitePlan) -> None:
    """What only a site with nodes has: accounts, names, munge's key, Slurm's configuration."""
    write_accounts(layout, plan.options)
    key = layout.munge / "key"
    if not key.exists():
        write(key, secrets.token_bytes(128), mode=0o400, owner=accounts.account("munge").pw_uid)
    if plan.options.mpi:
        mpi_plugins.offer(mpi_plugins.slurm_plugins(), layout.mpi_plugins, plan.options.mpi)
    write(layout.hosts, hosts(plan))
    write(layout.first_job, slurm.first_job_conf(plan))
    write(layout.slurm_conf, slurm.slurm_conf(layout, plan, os.cpu_count() or 1))
    write(layout.slurm_conf.with_name("cgroup.conf"), slurm.cgroup_conf(run(("slurmd", "-V"))))


def make_folders(layout: Layout) -> None:
    """Make all folders, each with the owner who writes there."""
    for path in (layout.state, layout.slurm_conf.parent, layout.state / "log", layout.tls.folder, layout.unicore, layout.passwords):
        make_folder(path)
    if not layout.needs_root:
        for path in (layout.registry, layout.scratch, layout.uspace):
            make_folder(path, mode=0o700)
        return
    user, munge = accounts.account(JOB_USER), accounts.account("munge")
    stored = accounts.account(registry.USER)
    make_folder(layout.slurm_state, mode=0o700)
    make_folder(layout.munge, owner=munge.pw_uid, group=munge.pw_gid)
    make_folder(layout.registry, mode=0o750, owner=stored.pw_uid, group=stored.pw_gid)
    # Every account makes folders there. Nobody can guess the names of job directories or list them.
    make_folder(layout.scratch, mode=0o1777, owner=user.pw_uid, group=user.pw_gid)
    make_folder(layout.uspace, mode=0o1733)
    for node in NODES:
        make_folder(layout.node(node) / "spool")
        shutil.rmtree(layout.node(node) / "tmp", ignore_errors=True)  # as empty as after a reboot
        make_folder(layout.node(node) / "tmp", mode=0o1777)


def make_plan(layout: Layout, old: SitePlan | None, options: SiteOptions | None = None) -> SitePlan:
    """The site's addresses and ports on this machine: the previous ones if they are still free."""
    ports = old.ports if old else None
    options = options or (old.options if old else SiteOptions())
    return SitePlan(
        name=layout.name,
        owner=str(checkout()),
        code=code_fingerprint(),
        network=choose_network(layout.name, old.network if old else None, used_networks() if layout.needs_root else ()),
        ports=_ports(layout, options, ports),
        options=options,
        node_memory_mb=memory_mb() // len(NODES),
        starts=old.starts + 1 if old else 1,
    )


def _ports(layout: Layout, options: SiteOptions, old: Ports | None) -> Ports:
    """The previous ports if they are free. The real server and its TSI need further ports."""
    chosen = {
        role: choose_port(f"{layout.name} {role}", getattr(old, role, None), is_free)
        for role in ("slurmctld", "registry", "login", *(_REAL_SERVER_PORTS if options.server is Server.UNICOREX else ()))
    }
    return Ports(**chosen, unicore=_unicore_port(layout, options, old))


def _unicore_port(layout: Layout, options: SiteOptions, ports: Ports | None) -> int:
    """The requested port, or any free port if none was requested. Raises LocalSiteError if the requested port is in use."""
    if options.unicore_port is None:
        return choose_port(f"{layout.name} unicore", ports.unicore if ports else None, is_free)
    if not is_free(options.unicore_port):
        raise LocalSiteError(f"port {options.unicore_port} is in use on this machine: free it, or choose another with --port")
    return options.unicore_port


def is_free(port: int) -> bool:
    """Whether nobody listens on this TCP port, on any of the machine's addresses."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of the site that just ended do not count
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def memory_mb() -> int:
    """The machine's memory in MiB."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20


def write_accounts(layout: Layout, options: SiteOptions) -> None:
    """The users' accounts and homes; the machine's own files stay as they are."""
    known = site_accounts.known_accounts(layout.homes)
    server = (SERVER_USER,) if options.server is Server.UNICOREX else ()
    names = dict.fromkeys((*known, *(user.name for user in options.users), *server))
    own = site_accounts.assign(names, layout.homes, known, site_accounts.is_taken)
    write(layout.passwd, site_accounts.merged(Path("/etc/passwd").read_text(), (account.passwd_line for account in own)))
    write(layout.group, site_accounts.merged(Path("/etc/group").read_text(), (account.group_line for account in own)))
    make_folder(layout.homes)
    for account in own:
        make_folder(account.home, mode=0o700, owner=account.uid, group=account.uid)


def write_modules(layout: Layout) -> None:
    """What makes `module` known to every shell of a job."""
    make_folder(layout.modulefiles)
    make_folder(layout.software)
    write(layout.shell_start, modules.shell_start(layout.modulefiles))


def write_secrets(layout: Layout, options: SiteOptions, owner: int | None) -> None:
    """The passwords, and the hashes of them that the UNICORE endpoint knows."""
    write(layout.users, accounts.users_document(accounts.keep_passwords(layout, options, owner)), mode=0o600)


def write_certificates(layout: Layout) -> None:
    """Keep the authority and renew the certificates."""
    authority = certificates.certificate_authority(layout.tls)
    certificates.write_bundle(layout.tls, certificates.machine_bundle())
    certificates.issue(authority, layout.tls, registry.SERVER, _registry_user(layout))
    certificates.issue(authority, layout.tls, unicore_config.SERVER, os.geteuid())


def _registry_user(layout: Layout) -> int:
    return accounts.account(registry.USER).pw_uid if layout.needs_root else os.geteuid()


def hosts(plan: SitePlan) -> str:
    """The /etc/hosts of the site: its three machines, by the names that Slurm and MPI use."""
    lines = ["127.0.0.1 localhost", "::1 localhost", *(f"{plan.address(host)} {host}" for host in (LOGIN, *NODES))]
    return "\n".join(lines) + "\n"
