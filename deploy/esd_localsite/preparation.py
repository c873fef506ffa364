"""What `up` writes before anything starts: the state directory, the plan, keys, certificates and configuration files."""

import os
import secrets
import shutil
import socket
from collections.abc import Mapping

from esd_localsite import accounts, certificates, registry, slurm, unicore_config
from esd_localsite.files import make_folder, write
from esd_localsite.layout import JOB_USER, LOGIN, NODES, Layout
from esd_localsite.network import used_networks
from esd_localsite.plan import Ports, SitePlan, checkout, choose_network, choose_port, code_fingerprint


def prepare(layout: Layout, environment: Mapping[str, str]) -> SitePlan:
    """Bring the state directory to what a start needs; what is there already (images, keys, jobs) is kept."""
    make_folders(layout)
    plan = make_plan(layout, SitePlan.read(layout))
    write(layout.plan, plan.model_dump_json(indent=2) + "\n")
    write_secrets(layout, accounts.calling_user(environment))
    write_certificates(layout)
    write(layout.hosts, hosts(plan))
    write(layout.slurm_conf, slurm.slurm_conf(layout, plan, os.cpu_count() or 1))
    write(layout.registry_config, registry.registry_config(layout, plan))
    write(layout.unicore_config, unicore_config.endpoint_config(layout, plan).model_dump_json(indent=2), mode=0o600)
    return plan


def make_folders(layout: Layout) -> None:
    """All folders, each with the owner who writes there."""
    user, munge = accounts.account(JOB_USER), accounts.account("munge")
    stored = accounts.account("docker-registry")
    for path in (layout.state, layout.slurm_conf.parent, layout.state / "log", layout.tls.folder, layout.unicore):
        make_folder(path)
    make_folder(layout.slurm_state, mode=0o700)
    make_folder(layout.munge, owner=munge.pw_uid, group=munge.pw_gid)
    make_folder(layout.registry, mode=0o750, owner=stored.pw_uid, group=stored.pw_gid)
    for path in (layout.scratch, layout.uspace):
        make_folder(path, owner=user.pw_uid, group=user.pw_gid)
    for node in NODES:
        make_folder(layout.node(node) / "spool")
        shutil.rmtree(layout.node(node) / "tmp", ignore_errors=True)  # as empty as after a reboot
        make_folder(layout.node(node) / "tmp", mode=0o1777)


def make_plan(layout: Layout, old: SitePlan | None) -> SitePlan:
    """The site's place on this machine: where it was before, if that is still free."""
    ports = old.ports if old else None
    return SitePlan(
        name=layout.name,
        owner=str(checkout()),
        code=code_fingerprint(),
        network=choose_network(layout.name, old.network if old else None, used_networks()),
        ports=Ports(
            slurmctld=choose_port(f"{layout.name} slurmctld", ports.slurmctld if ports else None, is_free),
            registry=choose_port(f"{layout.name} registry", ports.registry if ports else None, is_free),
            unicore=choose_port(f"{layout.name} unicore", ports.unicore if ports else None, is_free),
        ),
        node_memory_mb=memory_mb() // len(NODES),
        starts=old.starts + 1 if old else 1,
    )


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


def write_secrets(layout: Layout, owner: int | None) -> None:
    """Munge's key (one for each site, kept), the password, and the hash of it that the UNICORE endpoint knows."""
    key = layout.munge / "key"
    if not key.exists():
        write(key, secrets.token_bytes(128), mode=0o400, owner=accounts.account("munge").pw_uid)
    password = accounts.keep_password(layout, owner)
    write(layout.users, accounts.users_document(password), mode=0o600)


def write_certificates(layout: Layout) -> None:
    """The authority as it was, certificates anew."""
    authority = certificates.certificate_authority(layout.tls)
    certificates.write_bundle(layout.tls, certificates.machine_bundle())
    certificates.issue(authority, layout.tls, registry.SERVER, accounts.account("docker-registry").pw_uid)
    certificates.issue(authority, layout.tls, unicore_config.SERVER, 0)


def hosts(plan: SitePlan) -> str:
    """The /etc/hosts of the site: its three machines, by the names that Slurm and MPI use."""
    lines = ["127.0.0.1 localhost", "::1 localhost", *(f"{plan.address(host)} {host}" for host in (LOGIN, *NODES))]
    return "\n".join(lines) + "\n"
