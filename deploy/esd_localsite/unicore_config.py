"""The configuration of the site's UNICORE endpoint, as `python -m esd_localsite.unicore --config` reads it."""

import json

from esd_localsite.layout import JOB_USER, NODES, Layout
from esd_localsite.plan import SitePlan
from esd_localsite.slurm import MAX_RUNTIME_S, PARTITION

SERVER = "unicore"
"""The name of its certificate."""


def document(layout: Layout, plan: SitePlan) -> str:
    """The configuration file. Jobs find the shared scratch space in SCRATCH, as on the real sites; programs on the login node,
    which alone reaches the registry, also find the certificate authorities to verify it with."""
    return json.dumps(
        {
            "site_name": plan.unicore_site,
            "host": "127.0.0.1",
            "port": plan.ports.unicore,
            "certificate": str(layout.tls.certificate(SERVER)),
            "private_key": str(layout.tls.key(SERVER)),
            "users_file": str(layout.users),
            "state_dir": str(layout.unicore / "state"),
            "uspace_dir": str(layout.uspace),
            "run_as": JOB_USER,
            "environment": {"SCRATCH": str(layout.scratch)},
            "login_environment": {"SSL_CERT_FILE": str(layout.tls.bundle)},
            "slurm_conf": str(layout.slurm_conf),
            "profile": "slurm",
            "partitions": {PARTITION: {"max_nodes": len(NODES), "max_runtime_s": MAX_RUNTIME_S}},
        },
        indent=2,
    )
