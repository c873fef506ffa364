from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from esd_localsite.errors import LocalSiteError
from esd_localsite.state.layout import Layout
from esd_localsite.state.plan import SitePlan, checkout, choose_network, choose_port

NETWORK = IPv4Network("10.231.7.0/24")


def test_addresses_of_the_three_machines(plan: SitePlan) -> None:
    assert [plan.address(host) for host in ("login", "c1", "c2")] == [
        IPv4Address("10.231.7.1"),
        IPv4Address("10.231.7.11"),
        IPv4Address("10.231.7.12"),
    ]


def test_the_url_names_the_site_in_capitals(plan: SitePlan) -> None:
    assert plan.unicore_url == "https://127.0.0.1:20003/DEMO/rest/core"


def test_a_remembered_network_is_kept() -> None:
    assert choose_network("demo", NETWORK, []) == NETWORK


def test_a_network_that_is_taken_meanwhile_is_given_up() -> None:
    assert choose_network("demo", NETWORK, [IPv4Network("10.231.7.128/25")]) != NETWORK


def test_two_names_start_with_different_networks() -> None:
    assert choose_network("local", None, []) != choose_network("h1", None, [])


def test_no_network_left() -> None:
    with pytest.raises(LocalSiteError, match="no free /24 network"):
        choose_network("demo", None, [IPv4Network("10.0.0.0/8")])


def test_a_remembered_port_is_kept_if_free() -> None:
    assert choose_port("demo registry", 20500, lambda _port: True) == 20500
    assert choose_port("demo registry", 20500, lambda port: port != 20500) != 20500


def test_no_port_left() -> None:
    with pytest.raises(LocalSiteError, match="demo registry"):
        choose_port("demo registry", None, lambda _port: False)


def test_a_plan_is_read_back(plan: SitePlan, tmp_path: Path) -> None:
    layout = Layout("demo", root=tmp_path)
    assert SitePlan.read(layout) is None
    layout.state.mkdir()
    layout.plan.write_text(plan.model_dump_json())
    assert SitePlan.read(layout) == plan


def test_a_damaged_plan_is_named_with_the_way_out(tmp_path: Path) -> None:
    layout = Layout("demo", root=tmp_path)
    layout.state.mkdir()
    layout.plan.write_text('{"name": 3}')
    with pytest.raises(LocalSiteError, match=r"site\.json is damaged.*down --name demo --purge"):
        SitePlan.read(layout)


def test_the_checkout_is_where_pyproject_lies() -> None:
    assert (checkout() / "pyproject.toml").is_file()


def test_job_numbers_of_later_starts_are_greater(plan: SitePlan) -> None:
    numbers = [plan.model_copy(update={"starts": starts}).first_job for starts in (1, 2, 5999)]
    assert numbers == [10_001, 20_001, 59_990_001]
    assert max(numbers) + 10_000 < 67_043_328
