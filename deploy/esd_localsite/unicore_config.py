"""The settings that the site gives to its UNICORE endpoint."""

from esd_localsite.layout import JOB_USER, NODES, Layout
from esd_localsite.plan import SitePlan
from esd_localsite.slurm import MAX_RUNTIME_S, PARTITION
from esd_localsite.unicore.config import EndpointConfig, Partition

SERVER = "unicore"
"""The name of its certificate."""


def endpoint_config(layout: Layout, plan: SitePlan) -> EndpointConfig:
    """The endpoint's settings. Jobs find the shared scratch space in SCRATCH, as on the real sites.

    Programs on the login node, which alone reaches the registry, also find the certificate authorities to verify it with.
    """
    return EndpointConfig(
        site_name=plan.unicore_site,
        host="127.0.0.1",
        port=plan.ports.unicore,
        certificate=layout.tls.certificate(SERVER),
        private_key=layout.tls.key(SERVER),
        users_file=layout.users,
        state_dir=layout.unicore / "state",
        uspace_dir=layout.uspace,
        run_as=JOB_USER,
        environment={"SCRATCH": str(layout.scratch)},
        login_environment={"SSL_CERT_FILE": str(layout.tls.bundle)},
        slurm_conf=layout.slurm_conf,
        partitions={PARTITION: Partition(max_nodes=len(NODES), max_runtime_s=MAX_RUNTIME_S)},
    )
