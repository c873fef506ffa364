"""A made-up site for the pure tests."""

from ipaddress import IPv4Network
from pathlib import Path

import pytest

from esd_localsite.state.layout import Layout
from esd_localsite.state.plan import Ports, SitePlan


@pytest.fixture
def layout() -> Layout:
    return Layout("demo", root=Path("/sites"))


@pytest.fixture
def plan() -> SitePlan:
    return SitePlan(
        name="demo",
        owner="/home/someone/esd-images",
        code="0123456789abcdef",
        network=IPv4Network("10.231.7.0/24"),
        ports=Ports(slurmctld=20001, registry=20002, unicore=20003, login=20004),
        node_memory_mb=12000,
    )
