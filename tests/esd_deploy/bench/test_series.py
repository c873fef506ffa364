"""Which points a series has, what each asks for, and which files are refused."""

import pytest
from tests.esd_deploy.bench.conftest import MODEL, SERIES

from esd_build.data.errors import ConfigError, UsageError
from esd_deploy.bench import order
from esd_deploy.bench.order import Where
from esd_deploy.plans.launch import Repeats


def shapes(series):
    return [(one.shape.nodes, one.shape.tasks_per_node, one.shape.threads, one.size) for one in series.points]


def test_strong_scaling_keeps_the_network(loaded):
    series, _ = loaded()

    assert series.name == "a-series"
    assert shapes(series) == [(1, 1, 1, 1000), (1, 1, 2, 1000), (2, 1, 1, 1000), (2, 1, 2, 1000)]


def test_weak_scaling_grows_the_network_with_the_virtual_processes(loaded):
    series, _ = loaded(SERIES.replace("strong", "weak"))

    assert [(one.base, one.size) for one in series.points] == [(1000, 1000), (1000, 2000), (1000, 2000), (1000, 4000)]


def test_a_value_given_twice_is_one_point(loaded):
    series, _ = loaded(SERIES.replace("nodes: [1, 2]", "nodes: [1, 1]"))

    assert shapes(series) == [(1, 1, 1, 1000), (1, 1, 2, 1000)]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("repetitions: 3", "repetitions: 2", "repetitions: Input should be greater than or equal to 3"),
        ("scaling: strong", "scaling: sideways", "scaling: "),
        ("threads: [1, 2]", "thread: [1, 2]", "thread: unknown key; did you mean 'threads'"),
        ("sizes: [1000]", "sizes: [50]", "the model takes sizes from 100 to 10000"),
        ("sizes: [1000]", "sizes: []", "sizes: "),
        ("sizes: [1000]", "sizes: [.nan]", "sizes.0: "),
        ("nodes: [1, 2]", "nodes: [0]", "nodes.0: "),
        ("models/net.yaml", "models/none.yaml", "no such file"),
        ("models/net.yaml", "/etc/net.yaml", "model: Value error, a path beside this file"),
        ("time_s: 60", "time_s: 0", "time_s: "),
    ],
)
def test_a_wrong_series_is_refused_with_file_and_key(loaded, old, new, said):
    with pytest.raises(ConfigError) as refused:
        loaded(SERIES.replace(old, new))

    assert said in str(refused.value)
    assert "yaml" in str(refused.value)


def test_a_model_whose_program_is_not_there_is_refused(loaded):
    with pytest.raises(ConfigError, match=r"no file .*other\.py"):
        loaded(model=MODEL.replace("net.py", "other.py"))


def test_bounds_the_wrong_way_round_are_refused(loaded):
    with pytest.raises(ConfigError, match="the first number is the lower bound"):
        loaded(model=MODEL.replace("[5, 20]", "[20, 5]"))


def test_too_many_points_are_refused(loaded):
    many = ", ".join(map(str, range(1, 400)))

    with pytest.raises(ConfigError, match="798 points; a series has at most 500"):
        loaded(SERIES.replace("nodes: [1, 2]", f"nodes: [{many}]").replace("threads: [1, 2]", "threads: [1, 2]"))


def test_each_shape_is_one_request_whose_repetitions_share_an_allocation(loaded, config):
    series, model = loaded()
    groups = order.groups(series, model, config, Where())

    assert [one.request.shape.nodes for one in groups] == [1, 1, 2, 2]
    first = groups[0].request
    assert first.repeats == Repeats(3, 60)
    assert first.time_s == 3 * 60 + order.START_S
    assert first.arguments == (
        *("--model=net.py", "--warm-up-ms=100", "--model-time-ms=500", "--resolution-ms=0.1", "--seed=1", "--sample=200"),
    )
    assert [path.name for path in first.inputs] == ["activity.py", "host.py", "meters.py", "net.py"]
    assert groups[0].combinations == ((("size", 1000),),)


def test_where_an_allocation_is_too_short_each_repetition_is_a_run(loaded, config):
    series, model = loaded()
    short = config.model_copy(update={"limits": config.limits.model_copy(update={"time_s": 200}), "partitions": {}, "partition": None})
    (first, *_) = order.groups(series, model, short, Where())

    assert first.request.repeats == Repeats(1, 60)
    assert first.combinations == tuple((("size", 1000), ("repetition", number)) for number in (1, 2, 3))


def test_more_nodes_than_the_site_has_are_refused_before_anything_is_submitted(loaded, config):
    series, model = loaded(SERIES.replace("nodes: [1, 2]", "nodes: [1, 9999]"))

    last = order.groups(series, model, config, Where())[-1]

    with pytest.raises(UsageError, match="9999 nodes asked for, a job gets at most"):
        last.request.checked(config)
