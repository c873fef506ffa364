import pytest

from esd_localsite.cluster.network import Batch, Link, inside, mark, network_batches, require_own
from esd_localsite.errors import LocalSiteError
from esd_localsite.state.layout import Layout
from esd_localsite.state.plan import SitePlan


def test_the_network_as_ip_is_told_it(layout: Layout, plan: SitePlan) -> None:
    assert network_batches(layout, plan) == (
        Batch(
            None,
            (
                f"link add {layout.interface} type veth peer name login netns /sites/demo/net/switch",
                f"link set {layout.interface} alias esd-localsite:/sites/demo:",
                f"addr add 10.231.7.1/24 dev {layout.interface}",
                f"link set {layout.interface} up",
            ),
        ),
        Batch(
            "switch",
            (
                "link add bridge type bridge",
                "link set bridge up",
                "link add c1 type veth peer name eth0 netns /sites/demo/net/c1",
                "link add c2 type veth peer name eth0 netns /sites/demo/net/c2",
                "link set login master bridge up",
                "link set c1 master bridge up",
                "link set c2 master bridge up",
            ),
        ),
        Batch("c1", ("link set lo up", "addr add 10.231.7.11/24 dev eth0", "link set eth0 up")),
        Batch("c2", ("link set lo up", "addr add 10.231.7.12/24 dev eth0", "link set eth0 up")),
    )


def test_inside_a_network_namespace(layout: Layout) -> None:
    assert inside(layout, None) == ()
    assert inside(layout, "c1") == ("nsenter", "--net=/sites/demo/net/c1", "--")


@pytest.mark.parametrize("alias", ["own", None])
def test_its_own_interface_is_known_by_its_mark(layout: Layout, alias: str | None) -> None:
    require_own(layout, Link("veth", mark(layout) if alias else None))


@pytest.mark.parametrize("link", [Link(), Link("bridge"), Link("veth", "esd-localsite:/sites/demo:1.2")])
def test_an_interface_that_is_not_its_own_is_refused(layout: Layout, link: Link) -> None:
    with pytest.raises(LocalSiteError, match=rf"{layout.interface}, which exists and belongs to something else .*or use another --name"):
        require_own(layout, link)
