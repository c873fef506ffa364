from pathlib import Path

import pytest

from esd_localsite.errors import LocalSiteError
from esd_localsite.state.layout import Layout


@pytest.mark.parametrize("name", ["local", "h1", "a-b", "x" * 31])
def test_a_name_is_accepted(name: str) -> None:
    assert Layout(name).state.name == name


@pytest.mark.parametrize("name", ["", "..", "a/b", "Local", "1st", "-x", "a b", "x" * 32, "local\n"])
def test_a_name_that_no_path_should_carry_is_refused(name: str) -> None:
    with pytest.raises(LocalSiteError, match="lower-case letters"):
        Layout(name)


def test_interface_names_fit_into_the_kernel_and_differ_by_site() -> None:
    names = {Layout(name).interface for name in ("local", "x" * 31, "x" * 30)}
    assert len(names) == 3
    assert all(len(name) <= 15 for name in names)


def test_the_same_name_in_two_state_directories_makes_two_interfaces(tmp_path: Path) -> None:
    sites = [Layout("local", tmp_path / root) for root in ("host", "container")]
    for site in sites:
        site.state.mkdir(parents=True)
    assert sites[0].interface != sites[1].interface
    assert sites[0].interface == Layout("local", tmp_path / "host").interface


def test_all_sites_share_one_lock_of_operations_that_no_purge_removes() -> None:
    first, second = Layout("local"), Layout("other")
    assert first.operations == second.operations
    assert not first.operations.is_relative_to(first.state)
    assert first.lock != second.lock
