"""What n ranks answer equals what one rank answers (requirement R-002-04), and a failure on one rank is one answer."""

import numpy
import pytest

from esd_nest_server.kernel import Call
from esd_nest_server.team import CallError

SIZES = [1, 2, 3]


@pytest.fixture(params=SIZES)
def network(ask, request):
    """Four neurons, connected all to all, a generator and a recorder; three milliseconds have passed."""
    one = ask(request.param)
    one("Create", "iaf", 4)
    one("Create", "generator")
    one("Create", "recorder")
    one("Connect", [1, 2, 3, 4], [1, 2, 3, 4])
    one("Prepare")
    one("Run", 3.0)
    return one


def test_create_gives_the_numbers(ask):
    assert ask(2)("Create", "iaf", 3) == [1, 2, 3]


def test_status_of_neurons_is_the_owners(network):
    network("SetStatus", [3], {"V_m": -50.0})

    assert network("GetStatus", [1, 2, 3], "V_m") == [-70.0, -70.0, -50.0]
    assert network("GetStatus", [2, 3], ["global_id", "V_m", "local"]) == [[2, -70.0, True], [3, -50.0, True]]
    assert network("GetStatus", [3])[0]["V_m"] == -50.0


def test_a_value_for_each_node(network):
    network("SetStatus", [1, 2, 3], {"V_m": [-1.0, -2.0, -3.0], "C_m": 100.0})

    assert network("GetStatus", [1, 2, 3], ["V_m", "C_m"]) == [[-1.0, 100.0], [-2.0, 100.0], [-3.0, 100.0]]


def test_a_list_that_is_one_value_stays_one(network):
    network("SetStatus", [5], {"spike_times": [1.0, 2.0]})

    assert network("GetStatus", [5], "spike_times") == [[1.0, 2.0]]


def test_events_of_a_recorder_are_all_and_sorted(network):
    [status] = network("GetStatus", [6])

    assert status["n_events"] == 12
    assert status["events"]["times"].tolist() == [1.0] * 4 + [2.0] * 4 + [3.0] * 4
    assert status["events"]["senders"].tolist() == [1, 2, 3, 4] * 3


def test_connections_are_all_and_sorted(network):
    found = network("GetConnections", source=[1, 2])

    assert list(zip(found["source"], found["target"], strict=True)) == [(s, t) for s in (1, 2) for t in (1, 2, 3, 4)]
    assert network("GetConnections", source=[1], target=[2])["weight"] == [1.0]
    assert network("GetConnections", source=[5]) == {}


def test_connections_that_one_rank_only_has(network):
    assert network("GetStatus", {"connections": {"source": [1], "target": [3]}}, "weight") == [1.0]
    network("SetStatus", {"connections": {"source": [1], "target": [3]}}, {"weight": 2.0})
    assert network("GetConnections", source=[1], target=[3])["weight"] == [2.0]


def test_status_of_connections(network):
    network("SetStatus", {"connections": {"source": [1]}}, {"weight": 7.0})

    assert network("GetStatus", {"connections": {"target": [2]}}, ["source", "weight"]) == [[1, 7.0], [2, 1.0], [3, 1.0], [4, 1.0]]


def test_the_kernels_own_counts_are_summed(network):
    assert network("GetKernelStatus", ["network_size", "num_connections", "biological_time"]) == [6, 16, 3.0]
    assert network("GetKernelStatus", "time_simulate") == network.cluster.team.wire.size


def test_a_population_stands_for_its_nodes(network):
    network("NamePopulation", "layer", [1, 2])

    assert network("GetStatus", "layer", "global_id") == [1, 2]
    assert network.cluster.team.kernel.sizes == {"layer": 2}


def test_answers_without_a_rule_are_refused_where_they_differ(ask):
    assert ask(1)("Rank") == 0
    with pytest.raises(CallError, match="the ranks answered differently"):
        ask(2)("Rank")


@pytest.mark.parametrize(
    ("name", "args"), [("Create", ("nothing",)), ("GetStatus", ([99],)), ("os", ()), ("_status", ()), ("GetStatus", ("none",))]
)
def test_a_failure_on_all_ranks_is_one_answer(ask, name, args):
    one = ask(3)

    with pytest.raises(CallError) as raised:
        one(name, *args)

    assert "rank" not in str(raised.value)
    assert one("Create", "iaf") == [1]


def test_a_failure_on_one_rank_names_it_and_all_live_on(ask):
    one = ask(3)

    with pytest.raises(CallError, match=r"Unlucky failed on rank 2 of 3 \(the other ranks carried it out\): MemoryError: no room"):
        one("Unlucky", 2)

    assert one("Create", "iaf") == [1]


def test_only_the_owner_sees_a_bad_value_and_no_rank_goes_on_alone(network):
    size = network.cluster.team.wire.size
    calls = [Call("SetStatus", ([3], {"V_m": -1.0})), Call("SetStatus", ([3], {"C_m": -1.0})), Call("Run", (5.0,))]

    with pytest.raises(CallError, match="C_m must be > 0") as raised:
        network.cluster.team.ask(calls)

    assert raised.value.number == 1
    assert ("on rank" in str(raised.value)) == (size > 1)
    assert network("GetStatus", [3], "V_m") == [-1.0]
    assert {nest.time for nest in network.cluster.nests} == {3.0}


def test_many_calls_in_one_order(ask):
    one = ask(2)

    answer = one.cluster.team.ask([Call("Create", ("iaf", 2)), Call("Connect", ([1], [2])), Call("GetStatus", ([1, 2], "V_m"))])

    assert answer.values == [[1, 2], None, [-70.0, -70.0]]
    assert 0 <= answer.nest_s <= answer.total_s


def test_an_unknown_key_is_an_error(network):
    with pytest.raises(CallError, match="KeyError: 'V_x'"):
        network("GetStatus", [1], "V_x")


def test_nothing_is_known_of_no_nodes(ask):
    assert ask(2)("GetStatus", []) == []


def test_times_that_are_no_numbers_are_alike(ask):
    one = ask(2)
    one.cluster.nests[0].GetDefaults = one.cluster.nests[1].GetDefaults = lambda model: {"a": float("nan"), "b": numpy.ones(2)}

    assert one("GetDefaults", "iaf")["b"].tolist() == [1.0, 1.0]


SCRIPT = """
nest.ResetKernel()
neurons = nest.Create("iaf", 4)
recorder = nest.Create("recorder")
nest.Run(3.0)
response = {"events": [recorder.get("events")], "size": len(neurons), "nodes": neurons}
rank = nest.Rank()
"""


@pytest.mark.parametrize("size", SIZES)
def test_a_script_hands_back_what_one_rank_would(ask, size):
    found = ask(size)("ExecuteScript", SCRIPT, "response")

    [events] = found["events"]
    assert (found["size"], found["nodes"], len(events["times"])) == (4, [1, 2, 3, 4], 12)
    assert list(events["times"]) == sorted(events["times"])


def test_what_differs_between_ranks_is_named(ask):
    with pytest.raises(CallError, match=r"the answer\['rank'\] differs between the ranks"):
        ask(2)("ExecuteScript", SCRIPT, ["rank"])


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("1 +", "SyntaxError"),
        ("raise SystemExit(3)", "the script ended itself .exit code 3"),
        ("if nest.Rank(): raise ValueError('mine')", "on rank 1 of 2.*mine"),
    ],
)
def test_a_script_that_fails_is_one_answer(ask, source, said):
    one = ask(2)
    with pytest.raises(CallError, match=said):
        one("ExecuteScript", source)
    assert one("Create", "iaf", 1) == [1]
