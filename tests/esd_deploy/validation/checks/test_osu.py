"""OSU's micro benchmarks: their output in the form of several versions, and everything else."""

from dataclasses import replace

import pytest
from tests.esd_deploy.validation.conftest import output

from esd_deploy.validation.checks.osu import osu_node, osu_nodes
from esd_deploy.validation.terms.observations import NotUnderstoodError

# The form of version 5.3; 0.17 µs and 1779.04 MB/s are what two ranks of a local site got, the rest is made up.
LATENCY = """# OSU MPI Latency Test v5.3
# Size            Latency (us)
0                         0.16
1                         0.17
4                         0.17
8                         0.17
16                        0.20
4194304                1604.21
"""
BANDWIDTH = """# OSU MPI Bandwidth Test v5.3
# Size        Bandwidth (MB/s)
1                         5.45
2097152                1501.90
4194304                1779.04
"""
# Since version 7 there are an empty line, a line on the data type, and another heading.
NEW = """
# OSU MPI Latency Test v7.5
# Datatype: MPI_CHAR.
# Size       Avg Latency(us)
1                       1.66
8                       1.67
"""


def judged(good, latency, bandwidth=BANDWIDTH, **values):
    outputs = (output("osu-latency-node", latency, **values), output("osu-bw-node", bandwidth))
    return osu_node(replace(good, outputs=outputs))


def test_latency_and_bandwidth_are_told_and_measured(good):
    found = judged(good, LATENCY)

    assert found.outcome == "passed"
    assert found.reason == "OSU 5.3: 0.17 µs for 8 bytes, 1,779 MB/s for 4,194,304 bytes within a node"
    assert [(one.name, one.value, one.unit) for one in found.measured] == [
        ("OSU latency within a node", 0.17, "µs"),
        ("OSU bandwidth within a node", 1779.04, "MB/s"),
    ]


def test_the_form_of_newer_versions(good):
    assert judged(good, NEW).reason.startswith("OSU 7.5: 1.67 µs for 8 bytes")


def test_an_image_without_them_is_skipped(good):
    absent = "no osu_latency in the image\n"

    assert judged(good, absent, absent.replace("latency", "bw")).outcome == "skipped"


def test_a_benchmark_that_broke_is_not_measured(good):
    found = judged(good, LATENCY[:60], code=139, stderr="Segmentation fault")

    assert (found.outcome, "Segmentation fault" in found.reason) == ("unknown", True)


@pytest.mark.parametrize("latency", ["", "8 0.1\n", LATENCY.replace("\n8 ", "\n9 "), "# OSU MPI Latency Test v5.3\n"])
def test_what_is_not_understood_is_never_passed(good, latency):
    with pytest.raises(NotUnderstoodError):
        judged(good, latency)


def test_between_nodes_it_looks_at_the_steps_between_nodes(good):
    outputs = (output("osu-latency-nodes", LATENCY), output("osu-bw-nodes", BANDWIDTH))

    assert osu_nodes(replace(good, outputs=outputs)).measured[0].name == "OSU latency between nodes"
