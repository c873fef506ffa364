import pytest

from esd_deploy.validation.checks.transport import kind_of, transports

UCX = """[c1:631] select: component ucx selected
[1795251189.1] [c1:853  :0]      ucp_worker.c:1903 UCX  INFO    ucp_context_0 self cfg#0 tag(self/memory cma/memory)
[1795251189.1] [c1:853  :0]      ucp_worker.c:1903 UCX  INFO    ucp_context_0 intra-node cfg#1 tag(%s)
[1795251190.0] [c1:853  :0]      ucp_worker.c:1903 UCX  INFO    ucp_context_0 inter-node cfg#2 tag(%s)
"""
OB1 = """[c1:00767] select: component ob1 selected
[c1:00767] mca: bml: Using self btl for send to [[13290,0],0] on node c1
[c1:00767] mca: bml: Using sm btl for send to [[13290,0],1] on node c1
[c1:00767] mca: bml: Using tcp btl for send to [[13290,0],2] on node c2
"""


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("rc_mlx5", "infiniband"),
        ("dc_mlx5", "infiniband"),
        ("ud_verbs", "infiniband"),
        ("tcp", "tcp"),
        ("sysv", "memory"),
        ("posix", "memory"),
        ("cma", "memory"),
        ("xpmem", "memory"),
        ("sm", "memory"),
        ("self", "memory"),
        ("cxi", "slingshot"),
        ("rcx", "other"),
        ("quantum", "other"),
    ],
)
def test_names_are_told_apart(name, kind):
    assert kind_of(name) == kind


@pytest.mark.parametrize(
    ("intra", "inter", "within", "between"),
    [
        ("sysv/memory cma/memory", "rc_mlx5/mlx5_0:1", {"sysv", "cma"}, {"rc_mlx5"}),
        ("sysv/memory tcp/eth0", "tcp/ib0", {"sysv", "tcp"}, {"tcp"}),
    ],
)
def test_ucx_tells_within_and_between_nodes(intra, inter, within, between):
    text = UCX % (intra, inter)

    assert transports(text, between_nodes=False).names == within
    assert transports(text, between_nodes=True).names == between
    assert transports(text, between_nodes=True).layer == "ucx"


def test_open_mpis_own_transports_are_told_by_where_the_peer_is():
    assert transports(OB1, between_nodes=False).names == {"sm"}
    assert transports(OB1, between_nodes=True).names == {"tcp"}


def test_errors_of_ucx_are_kept():
    text = (
        UCX % ("sysv/memory", "tcp/eth0")
        + "[1] [c1:1:0] mm_posix.c:238  UCX  ERROR   open(file_name=/proc/1/fd/24) failed: Permission denied\n"
    )

    assert transports(text, between_nodes=False).errors == ("open(file_name=/proc/1/fd/24) failed: Permission denied",)


def test_silence_is_no_transport():
    assert transports("", between_nodes=True).kinds == frozenset()
