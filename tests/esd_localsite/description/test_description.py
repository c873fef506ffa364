import re

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
    assert job.precommand.for_login_node == "bash esd/pull.sh"
    assert job.waits_for_client
    assert list(job.resources.granted({}).sbatch_options()) == ["--partition=batch", "--nodes=2", "--ntasks-per-node=1", "--time=10"]


def test_a_precommand_may_move_into_the_batch_job():
    job = parse_description({"Executable": "date", "User precommand": ["a", "b"], "RunUserPrecommandOnLoginNode": "false"})
    assert job.precommand.for_login_node is None
    assert job.precommand.for_batch == "a\nb\n"


@pytest.mark.parametrize(
    ("word", "job_type"),
    [("interactive", JobType.LOGIN_NODE), ("On_Login_Node", JobType.LOGIN_NODE), ("normal", JobType.BATCH), ("BATCH", JobType.BATCH)],
)
def test_job_types_in_any_case(word, job_type):
    assert parse_description({"Job type": word}).job_type is job_type


def test_environment_as_map_and_as_list():
    assert parse_description({"Environment": {"A": "1"}, "Parameters": {"P": "2"}}).environment == (("P", "2"), ("A", "1"))
    assert parse_description({"Environment": [" A = b=c", "B"]}).environment == (("A", "b=c"), ("B", ""))


def test_inline_imports():
    fields = {"Imports": [{"From": "inline://dummy", "To": "in/x.txt", "Data": ["a", "b"]}]}
    assert parse_description(fields).imports == (Import("in/x.txt", "inline://dummy", "a\nb\n"),)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"Job type": "PARALLEL"}, "No enum constant JobType.PARALLEL"),
        ({"Job type": "RAW"}, "requires 'BSS file'"),
        ({"Job type": "RAW", "BSS file": "../x"}, "not a file in the working directory"),
        ({"Executable": ["date"]}, "'Executable' must be a string"),
        ({"Stdout": "/.."}, "'Stdout'"),
        ({"Stderr": "a\n#SBATCH -x"}, "'Stderr'"),
        ({"Environment": {"A": 1}}, 'JSONObject["A"] is not a string'),
        ({"Parameters": {"A": None}}, 'JSONObject["A"] is not a string'),
        ({"Imports": [{"To": "x"}]}, "must be an object with 'From' and 'To'"),
        ({"Imports": [{"From": "inline://x", "To": "x"}]}, "Import from 'inline://x' needs 'Data'"),
        ({"Imports": [{"From": "inline://x", "To": "../../x", "Data": ""}]}, "not a file in the working directory"),
        ({"Exports": {"From": "x", "To": "y"}}, "'Exports' must be a list"),
        ({"Exports": [{"To": "y"}]}, "Each of the 'Exports'"),
        ({"Exports": [{"From": "../x", "To": "y"}]}, "not a file in the working directory"),
        ({"ApplicationName": "Matlab"}, "Application 'Matlab' is not available"),
        ({"ApplicationName": "Date", "ApplicationVersion": "9"}, "Application 'Date' is not available"),
        ({"Executable": "a\0b"}, "zero byte"),
        ({"Umask": "u+x"}, "'Umask' must be octal"),
        ({"Resources": []}, None),
        ({"Resources": {"Runtime": "01:00:00"}}, "requested resource <Runtime>"),
        ({"Resources": {"Runtime": "1.5h"}}, 'resource <Runtime>: For input string: "1.5"'),
        ({"Resources": {"Memory": "2GB"}}, "resource <Memory>: No conversion for unit 'GB'"),
    ],
)
def test_what_is_wrong_is_named(fields, message):
    if message is None:
        assert parse_description(fields).resources == parse_resources({})
        return
    with pytest.raises(DescriptionError, match=re.escape(message)):
        parse_description(fields)


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({"Runtime": "3600"}, ["--time=60"]),
        ({"Runtime": "90s"}, ["--time=1"]),
        ({"Runtime": "10"}, ["--time=1"]),
        ({"Runtime": "2 hours"}, ["--time=120"]),
        ({"Runtime": "10min"}, ["--time=10"]),
        ({"Memory": "512M", "Nodes": 1}, ["--nodes=1", "--mem=512"]),
        ({"MemoryPerNode": "1gb"}, ["--mem=1024"]),
        ({"Memory": "2G"}, []),
        ({"Memory": "5G"}, ["--mem=1024"]),
        ({"TotalCPUs": 4}, ["--ntasks=4"]),
        ({"TotalCPUs": 4, "Nodes": 2}, ["--nodes=2"]),
        ({"CPUsPerNode": 4}, []),
        ({"GPUsPerNode": 1, "Exclusive": "true"}, ["--exclusive"]),
        ({"GPUsPerNode": 1, "Memory": "1G"}, ["--gpus-per-node=1024", "--mem=1024"]),
        ({"Project": "icei", "QoS": "high", "Reservation": "r", "NodeConstraints": "a&b"},
         ["--account=icei", "--constraint=a&b", "--qos=high", "--reservation=r"]),
    ],
)  # fmt: skip
def test_resources_become_sbatch_options_as_unicore_makes_them(given, options):
    assert list(parse_resources(given).granted({}).sbatch_options()) == options


PARTITIONS = {"batch": Partition(max_nodes=2, max_runtime_s=3600)}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"Nodes": 3}, "Resource request <Nodes=3> is out of range"),
        ({"Nodes": 0}, "Resource request <Nodes=0> is out of range"),
        ({"Nodes": "two"}, "Resource request <Nodes=two> is out of range"),
        ({"Nodes": [1]}, "Resource request <Nodes=[1]> is out of range"),
        ({"Runtime": "2h"}, "Resource request <Runtime=7200> is out of range"),
        ({"Queue": "gpu"}, "Resource request <Queue = gpu> is out of range"),
        ({"CPUs": 2}, "Resource <CPUs> is not available for partition <batch>"),
        ({"Project": "a b"}, "Illegal characters in 'a b'"),
    ],
)
def test_requests_beyond_the_site_are_refused_when_the_job_is_handed_over(given, message):
    with pytest.raises(DescriptionError, match=re.escape(message)):
        parse_resources(given).granted(PARTITIONS)


def test_a_partition_gives_what_is_not_asked_for():
    assert dict(parse_resources({}).granted(PARTITIONS).values) == {"Runtime": "900", "Nodes": "1"}
    assert dict(parse_resources({"TotalCPUs": 4}).granted(PARTITIONS).values) == {"TotalCPUs": "4", "Runtime": "900"}


def test_a_project_may_stand_beside_the_resources():
    assert list(parse_description({"Project": "icei"}).resources.granted({}).sbatch_options()) == ["--account=icei"]


def test_tags_count_even_in_a_wrong_description():
    assert tags_of({"Tags": ["a", 1], "Job type": "?"}) == ("a", "1")
    assert tags_of({"Tags": "a"}) == tags_of({"Tags": 1}) == tags_of({}) == ()
