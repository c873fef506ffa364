"""The site's OCI registry: docker-registry's configuration as text."""

from esd_localsite.state.layout import Layout
from esd_localsite.state.plan import SitePlan

SERVER = "registry"
"""The name of its certificate."""


def registry_config(layout: Layout, plan: SitePlan) -> str:
    """The configuration file: HTTPS on loopback only, so that the login side reaches it and the compute nodes do not."""
    return f"""\
version: 0.1
log:
  level: warn
  accesslog:
    disabled: true
storage:
  filesystem:
    rootdirectory: {layout.registry}
  delete:
    enabled: true
http:
  addr: {plan.registry}
  tls:
    certificate: {layout.tls.certificate(SERVER)}
    key: {layout.tls.key(SERVER)}
"""
