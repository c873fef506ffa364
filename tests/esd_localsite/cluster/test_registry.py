from esd_localsite.cluster.registry import registry_config
from esd_localsite.state.layout import Layout
from esd_localsite.state.plan import SitePlan


def test_the_registry_listens_on_loopback_with_tls(layout: Layout, plan: SitePlan) -> None:
    assert (
        registry_config(layout, plan)
        == """\
version: 0.1
log:
  level: warn
  accesslog:
    disabled: true
storage:
  filesystem:
    rootdirectory: /sites/demo/registry
  delete:
    enabled: true
http:
  addr: 127.0.0.1:20002
  tls:
    certificate: /sites/demo/tls/registry.pem
    key: /sites/demo/tls/registry.key
auth:
  token:
    realm: https://127.0.0.1:20004/token
    service: esd-localsite-registry
    issuer: esd-localsite
    rootcertbundle: /sites/demo/tls/ca.pem
"""
    )
