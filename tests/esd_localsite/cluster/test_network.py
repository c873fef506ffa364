from esd_localsite.cluster.network import Batch, inside, network_batches
from esd_localsite.state.layout import Layout
from esd_localsite.state.plan import SitePlan


def test_the_network_as_ip_is_told_it(layout: Layout, plan: SitePlan) -> None:
    assert network_batches(layout, plan) == (
        Batch(
            None,
            (
                f"link add {layout.interface} type veth peer name login netns /sites/demo/net/switch",
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
