"""The settings that the site gives to its UNICORE endpoint."""

from esd_localsite.description.config import EndpointConfig, Partition, Times
from esd_localsite.state.layout import Layout
from esd_localsite.state.options import SiteOptions, Speed
from esd_localsite.state.plan import SitePlan

SERVER = "unicore"
"""The name of its certificate."""


TIMES = {
    Speed.NORMAL: Times(),
    Speed.CI: Times(poll_seconds=0.1, grace_seconds=2.0, kill_seconds=1.0, submit_retry_seconds=0.5),
    # Batch status every 10 to 30 s, 120 s of grace, as on real sites.
    Speed.REALISTIC: Times(poll_seconds=15.0, grace_seconds=120.0, kill_seconds=5.0, submit_retry_seconds=10.0),
}


def endpoint_config(layout: Layout, plan: SitePlan) -> EndpointConfig:
    """The endpoint's settings. Jobs find the shared scratch space in SCRATCH, as on the real sites.

    Programs on the login node, the only one that reaches the registry, also get the certificate authorities to verify it.
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
        profile=plan.options.profile.value,
        separate_users=layout.needs_root,
        environment={"SCRATCH": str(layout.scratch), "BASH_ENV": str(layout.shell_start)},
        login_environment={"SSL_CERT_FILE": str(layout.tls.bundle)},
        slurm_conf=layout.slurm_conf if layout.needs_root else None,
        faults_file=layout.faults,
        platforms_dir=layout.platforms,
        login_precommand=plan.options.login_precommand,
        times=_times(plan.options),
        partitions={p.name: Partition(max_nodes=len(p.nodes), max_runtime_s=p.minutes * 60) for p in plan.options.partitions},
    )


def _times(options: SiteOptions) -> Times:
    times = TIMES[options.speed]
    return times if options.token_seconds is None else times.model_copy(update={"oidc_access_seconds": options.token_seconds})
