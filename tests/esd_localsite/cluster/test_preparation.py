import socket
from pathlib import Path

import pytest

from esd_localsite.cluster.preparation import _ports, hosts
from esd_localsite.cluster.unicore_config import endpoint_config
from esd_localsite.description.config import EndpointConfig
from esd_localsite.errors import LocalSiteError
from esd_localsite.state.layout import Layout
from esd_localsite.state.options import Server, SiteOptions
from esd_localsite.state.plan import SitePlan


def test_everything_in_the_site_knows_its_three_machines(plan: SitePlan) -> None:
    assert hosts(plan) == "127.0.0.1 localhost\n::1 localhost\n10.231.7.1 login\n10.231.7.11 c1\n10.231.7.12 c2\n"


def test_the_endpoint_reads_its_settings_back(layout: Layout, plan: SitePlan) -> None:
    config = endpoint_config(layout, plan)
    assert EndpointConfig.model_validate_json(config.model_dump_json()) == config
    assert f"{config.site_url}/rest/core" == plan.unicore_url


def test_jobs_see_the_scratch_space_and_only_the_login_node_the_certificates(layout: Layout, plan: SitePlan) -> None:
    config = endpoint_config(layout, plan)
    assert config.environment == {"SCRATCH": "/sites/demo/scratch", "BASH_ENV": "/sites/demo/profile.sh"}
    assert config.login_environment == {"SSL_CERT_FILE": "/sites/demo/tls/ca-bundle.pem"}
    assert config.slurm_conf == Path("/sites/demo/slurm/slurm.conf")


def test_a_port_that_was_asked_for_and_is_taken_is_named(layout: Layout) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LocalSiteError, match=f"port {port} is in use on this machine: free it, or choose another with --port"):
            _ports(layout, SiteOptions(unicore_port=port), None)


def test_ports_of_the_real_server_that_were_taken_meanwhile_are_others(layout: Layout) -> None:
    options = SiteOptions(server=Server.UNICOREX)
    first = _ports(layout, options, None)
    assert first.tsi is not None
    with socket.create_server(("127.0.0.1", first.tsi)):
        then = _ports(layout, options, first)
    assert then.tsi != first.tsi
    assert then.server == first.server
