import pytest

from esd_localsite.description.config import Partition
from esd_localsite.description.description import JobType, parse_description, tags_of
from esd_localsite.description.fields import read_object
from esd_localsite.description.resources import DescriptionError, parse_resources
from esd_localsite.description.staging import Import


def test_strict_and_single_quoted_json_are_both_read():
    assert read_object(b'{"a": [true, null]}') == {"a": [True, None]}
    assert read_object(b"{'Executable': 'date'}") == {"Executable": "date"}
    assert read_object(b"") == {}


@pytest.mark.parametrize("body", [b"[1]", b"{", b"__import__('os')", b"\xff", b"('" * 5000])
def test_what_is_no_object_is_refused(body):
    with pytest.raises(DescriptionError):
        read_object(body)


def test_the_containerised_job_of_esd_deploy():
    job = parse_description(
        {
            "Name": "run-1",
            "Executable": "bash",
            "Arguments": ["esd/job.sh"],
            "User precommand": "bash esd/pull.sh",
            "RunUserPrecommandOnLoginNode": "true",
            "haveClientStageIn": "true",
            "Resources": {"Nodes": "2", "CPUsPerNode": 1, "Runtime": "10m", "Queue": "batch"},
        }
    )
    assert job.precommand.login_node_lines == ("bash esd/pull.sh",)
    assert job.waits_for_client
    assert list(job.resources.sbatch_options()) == ["--partition=batch", "--nodes=2", "--ntasks-per-node=1", "--time=10"]


def test_a_precommand_may_move_into_the_batch_job():
    job = parse_description({"Executable": "date", "User precommand": ["a", "b"], "RunUserPrecommandOnLoginNode": "false"})
    assert job.precommand.login_node_lines == ()
    assert job.precommand.batch_lines == ("a", "b")


@pytest.mark.parametrize(
    ("word", "job_type"),
    [("interactive", JobType.LOGIN_NODE), ("On_Login_Node", JobType.LOGIN_NODE), ("normal", JobType.BATCH), ("BATCH", JobType.BATCH)],
)
def test_job_types_in_any_case(word, job_type):
    assert parse_description({"Job type": word}).job_type is job_type


def test_environment_as_map_and_as_list():
    assert parse_description({"Environment": {"A": 1}}).environment == (("A", "1"),)
    assert parse_description({"Environment": ["A=b=c"]}).environment == (("A", "b=c"),)


def test_inline_imports():
    fields = {"Imports": [{"From": "inline://dummy", "To": "in/x.txt", "Data": ["a", "b"]}]}
    assert parse_description(fields).imports == (Import("in/x.txt", "inline://dummy", "a\nb\n"),)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"Job type": "PARALLEL"}, "Job type 'PARALLEL' is not supported"),
        ({"Job type": "RAW"}, "needs a 'BSS file'"),
        ({"Job type": "RAW", "BSS file": "../x"}, "no file in the working directory"),
        ({"Executable": ["date"]}, "'Executable' must be a string"),
        ({"Stdout": "/.."}, "'Stdout'"),
        ({"Stderr": "a\n#SBATCH -x"}, "'Stderr'"),
        ({"Environment": {"A B": "c"}}, "'A B' in 'Environment'"),
        ({"Environment": ["A"]}, "must be NAME=value"),
        ({"Imports": [{"To": "x"}]}, "must be an object with 'From' and 'To'"),
        ({"Imports": [{"From": "inline://x", "To": "x"}]}, "Import from 'inline://x' needs 'Data'"),
        ({"Imports": [{"From": "inline://x", "To": "../../x", "Data": ""}]}, "no file in the working directory"),
        ({"Exports": {"From": "x", "To": "y"}}, "'Exports' must be a list"),
        ({"Exports": [{"To": "y"}]}, "Each of the 'Exports'"),
        ({"Exports": [{"From": "../x", "To": "y"}]}, "no file in the working directory"),
        ({"ApplicationName": "Matlab"}, "Application 'Matlab' is not available"),
        ({"ApplicationName": "Date", "ApplicationVersion": "9"}, "Application 'Date 9' is not available"),
        ({"ApplicationName": "Bash shell"}, "needs the parameter SOURCE"),
        ({"Executable": "a\0b"}, "zero byte"),
        ({"Umask": "u+x"}, "'Umask' must be octal"),
        ({"Resources": []}, None),
        ({"Resources": {"CPUs": 2}}, "Requested resource 'CPUs' is not available"),
        ({"Resources": {"Nodes": 0}}, "'0' of resource 'Nodes'"),
        ({"Resources": {"Nodes": "two"}}, "'two' of resource 'Nodes'"),
        ({"Resources": {"Runtime": "01:00:00"}}, "'01:00:00' of resource 'Runtime'"),
        ({"Resources": {"Runtime": "1.5h"}}, "'1.5h' of resource 'Runtime'"),
        ({"Resources": {"Memory": "2GB"}}, "'2GB' of resource 'Memory'"),
        ({"Resources": {"Queue": "a b"}}, "'a b' of resource 'Queue'"),
        ({"Resources": {"Nodes": [1]}}, "'[1]' of resource 'Nodes'"),
    ],
)
def test_what_is_wrong_is_named(fields, message):
    if message is None:
        assert parse_description(fields).resources == parse_resources({})
        return
    with pytest.raises(DescriptionError, match=message.replace("[", r"\[")):
        parse_description(fields)


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({"Runtime": "3600"}, ["--time=60"]),
        ({"Runtime": "90s"}, ["--time=2"]),
        ({"Runtime": "2h"}, ["--time=120"]),
        ({"Memory": "2G"}, ["--mem=2048M"]),
        ({"Memory": "512M", "Nodes": 1}, ["--nodes=1", "--mem=512M"]),
        ({"TotalCPUs": 4}, ["--ntasks=4"]),
        ({"TotalCPUs": 4, "Nodes": 2}, ["--nodes=2"]),
        ({"CPUsPerNode": 4}, []),
        ({"GPUsPerNode": 1, "Exclusive": "true"}, ["--gres=gpu:1", "--exclusive"]),
        ({"Project": "icei", "QoS": "high", "Reservation": "r", "NodeConstraints": "a&b"},
         ["--account=icei", "--constraint=a&b", "--qos=high", "--reservation=r"]),
    ],
)  # fmt: skip
def test_resources_become_sbatch_options(given, options):
    assert list(parse_resources(given).sbatch_options()) == options


PARTITIONS = {"batch": Partition(max_nodes=2, max_runtime_s=3600)}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"Nodes": 3}, r"value 3 of resource 'Nodes' is out of range \(1-2\) in queue 'batch'"),
        ({"Runtime": "2h"}, "7200 of resource 'Runtime'"),
        ({"Queue": "gpu"}, r"No such queue: 'gpu' \(the site has batch\)"),
    ],
)
def test_requests_beyond_the_site_are_refused(given, message):
    with pytest.raises(DescriptionError, match=message):
        parse_resources(given).check(PARTITIONS)


def test_requests_within_the_site_pass():
    parse_resources({"Nodes": 2, "Runtime": "1h"}).check(PARTITIONS)


def test_tags_count_even_in_a_wrong_description():
    assert tags_of({"Tags": ["a", 1], "Job type": "?"}) == ("a", "1")
    assert tags_of({"Tags": "a"}) == ("a",)
    assert tags_of({"Tags": 1}) == tags_of({}) == ()
