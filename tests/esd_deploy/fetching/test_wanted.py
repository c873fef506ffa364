"""What is wanted of a job's folder: decided from what the server lists and what the job noted."""

import hashlib

import pytest

from esd_deploy.backends.connection import RemoteFile
from esd_deploy.backends.inventory import parse
from esd_deploy.fetching.places import Places, escaped, is_own, part_name, text
from esd_deploy.fetching.wanted import Link, todo

ROOT = "/scratch/job"


def noted(*lines: str, hashes: tuple[str, ...] = ()):
    """An inventory; a line is `X TYPE LEADS-TO SIZE MODE PATH`, and behind `=>` the target of a link."""
    fields = [ROOT]
    for line in lines:
        entry, _, target = line.partition(" => ")
        fields += [entry, target]
    listed = "\0".join([*fields, ""]).encode("utf-8", errors="surrogateescape")
    return parse(listed, "".join(f"{digest(path)}  ./{path}\0" for path in hashes).encode("utf-8", errors="surrogateescape"))


def digest(path: str) -> str:
    return hashlib.sha256(path.encode("utf-8", errors="surrogateescape")).hexdigest()


def test_each_thing_is_wanted_made_or_named_once_with_its_reason():
    found = noted(
        ". f f 3 644 ./good",
        "! f f 3 0 ./secret",
        "! d d 4096 0 ./locked",
        ". d d 4096 755 ./empty",
        ". p p 0 644 ./pipe",
        ". s s 0 755 ./sock",
        ". l f 5 777 ./inside => good",
        ". l f 5 777 ./absolute => /scratch/job/good",
        ". l f 5 777 ./outside => /etc/hostname",
        ". l N 5 777 ./dangling => nowhere",
        hashes=("good",),
    )

    plan = todo([RemoteFile("good", 3), RemoteFile("stdout", 1), RemoteFile("inside", 3)], found, {})

    assert [(one.path, one.sha256) for one in plan.files] == [("good", digest("good")), ("stdout", None)]
    assert sorted((one.path, one.target) for one in plan.links) == [("absolute", "good"), ("dangling", "nowhere"), ("inside", "good")]
    assert plan.folders == ("empty",)
    assert {one.path: (one.kind, one.lost) for one in plan.problems} == {
        "secret": ("file", True),
        "locked": ("folder", True),
        "pipe": ("pipe", False),
        "sock": ("socket", False),
        "outside": ("link", False),
    }


def test_a_folder_behind_a_link_is_wanted_once():
    found = noted(". d d 9 755 ./a", ". f f 1 644 ./a/x", ". l d 2 777 ./a/up => ..", hashes=("a/x",))

    plan = todo([RemoteFile("a/x", 1), RemoteFile("a/up/a/x", 1)], found, {})

    assert [one.path for one in plan.files] == ["a/x"]
    assert plan.links == (Link("a/up", "a/up", ".."),)


def test_what_the_server_does_not_list_is_wanted_all_the_same():
    deep = "/".join(f"d{number}" for number in range(40)) + "/deep"

    assert [one.path for one in todo([], noted(f". f f 1 644 ./{deep}", hashes=(deep,)), {}).files] == [deep]


def test_an_input_that_the_job_changed_is_wanted_beside_the_input():
    found = noted(". f f 2 644 ./state", ". f f 2 644 ./same", ". f f 2 644 ./esd/job.sh", hashes=("state", "same", "esd/job.sh"))

    plan = todo([], found, {"state": "other", "same": digest("same"), "esd/job.sh": None})

    assert [(one.path, one.place) for one in plan.files] == [("state", "state.changed")]


def test_of_a_job_without_an_inventory_inputs_are_compared_when_they_are_here():
    (wanted,) = todo([RemoteFile("state", 2), RemoteFile("esd/job.sh", 2)], None, {"state": "sent", "esd/job.sh": None}).files

    assert (wanted.path, wanted.place, wanted.unless) == ("state", "state.changed", "sent")
    assert todo([RemoteFile("state", 2)], None, {"state": "sent"}, ended=False).files == ()


def test_names_that_no_record_can_hold_are_escaped_and_never_given_twice():
    found = noted(". f f 1 644 ./caf\udce9", ". f f 1 644 ./caf%E9", ". f f 1 644 ./a\nb", ". f f 1 644 ./run.json")

    listed = [RemoteFile("caf\ufffd", 1), RemoteFile("a?b", 1), RemoteFile("a\x1f?b", 1)]
    places = {one.path: one.place for one in todo(listed, found, {}).files}

    assert places == {"caf\udce9": "caf%E9~2", "caf%E9": "caf%E9", "a\nb": "a%0Ab", "run.json": "run.json.result"}


@pytest.mark.parametrize("name", ["my rates.csv", "Übersicht.csv", "-dash", "percent%20#?", "quote'\"", "$(id)", "日本"])
def test_other_names_stay_as_they_are(name):
    assert (escaped(name), text(name), Places(()).of(name)) == (name, name, name)


@pytest.mark.parametrize("name", ["n" * 250, "ü" * 127, "\udcff" * 200])
def test_no_name_gets_too_long_for_a_disk(name):
    assert len(Places(()).of(name).encode()) <= 255
    assert len(part_name(escaped(name)).encode()) <= 255


def test_a_users_own_file_with_a_name_of_the_servers_is_wanted_where_the_job_noted_it():
    found = noted(". f f 1 644 ./sub/bss_submit_mine", hashes=("sub/bss_submit_mine",))

    listed = [RemoteFile("bss_submit_17", 1), RemoteFile("bss_submit_mine", 1)]

    assert [one.path for one in todo(listed, found, {}).files] == ["sub/bss_submit_mine", "bss_submit_mine"]


def test_a_file_that_the_server_does_not_list_because_it_knows_no_owner_of_it_is_wanted_all_the_same():
    found = noted(". f f 1 644 ./mine", ". f f 1 644 ./of a stranger", hashes=("mine", "of a stranger"))

    assert [one.path for one in todo([RemoteFile("mine", 1)], found, {}).files] == ["mine", "of a stranger"]


@pytest.mark.parametrize("name", ["run.json", ".lock", ".Record.Lock", ".lock.held", ".lock.held.host.1.2"])
def test_a_folder_of_the_name_of_our_own_file_is_another_one_here_and_links_lead_there(name):
    found = noted(f". d d 1 755 ./{name}", f". f f 1 644 ./{name}/a", f". l d 1 777 ./link => {name}", hashes=(f"{name}/a",))

    plan = todo([], found, {})

    assert [(one.path, one.place) for one in plan.files] == [(f"{name}/a", f"{name}.result/a")]
    assert [(one.place, one.target) for one in plan.links] == [("link", f"{name}.result")]


@pytest.mark.parametrize(
    "name", [".lock.held", ".lock.held.over", ".lock.held.host.1.2", "run.json.7.part", ".x.part", "." + "n" * 249 + ".part"]
)
def test_the_place_beside_our_own_file_is_nobodys(name):
    place = Places(()).of(name)

    assert not is_own(place)
    assert place != name
    assert len(place.encode()) <= 255


def test_no_result_lies_where_another_is_put_together():
    found = noted(". f f 1 644 ./x", ". f f 1 644 ./.x.part", ". f f 1 644 ./a/.y.PART/z", ". f f 1 644 ./a/y")
    places = {one.path: one.place for one in todo([], found, {}).files}

    assert places == {"x": "x", ".x.part": ".x.part.result", "a/.y.PART/z": "a/.y.PART.result/z", "a/y": "a/y"}


def test_a_folder_where_a_file_was_sent_and_a_file_where_a_folder_was_lie_beside_it():
    found = noted(". d d 9 755 ./state", ". f f 1 644 ./state/a", ". f f 1 644 ./data", ". l f 4 777 ./link => data", ". d d 9 755 ./kept")
    sent = {"state": "s", "data/table": "t", "link": "l", "kept/x": "k"}

    plan = todo([], found, sent)

    assert {one.path: one.place for one in plan.files} == {"state/a": "state.changed/a", "data": "data.changed"}
    assert plan.links == (Link("link", "link.changed", "data.changed"),)
    assert plan.folders == ("kept",)


def test_a_file_and_a_folder_that_are_escaped_alike_are_two():
    found = noted(". f f 1 644 ./a\n/x", ". f f 1 644 ./a%0A", ". f f 1 644 ./b\n", ". f f 1 644 ./b%0A/x")
    places = {one.path: one.place for one in todo([], found, {}).files}

    assert places == {"a\n/x": "a%0A/x", "a%0A": "a%0A~2", "b\n": "b%0A", "b%0A/x": "b%0A~2/x"}


def test_names_that_differ_in_case_are_two_on_a_disk_that_does_not_see_it():
    found = noted(". f f 1 644 ./a", ". f f 1 644 ./A", ". f f 1 644 ./F/x", ". f f 1 644 ./f/x")

    def places(*, alike: bool) -> dict[str, str]:
        return {one.path: one.place for one in todo([], found, {}, alike=alike).files}

    assert places(alike=False) == {"a": "a", "A": "A", "F/x": "F/x", "f/x": "f/x"}
    assert places(alike=True) == {"A": "A", "a": "a~2", "F/x": "F/x", "f/x": "f~2/x"}


@pytest.mark.parametrize(
    ("target", "made"),
    [
        ("s/../x", "d/x"),  # through a link: not `x`
        ("d/e/x", "d/e/x"),
        ("d/", "d/"),
        ("../job/d", "d"),
        ("s/../../../x", None),
        ("out/../job/d", None),
        ("round/x", None),
        ("../other/../job/d", None),
    ],
)
def test_a_link_leads_to_what_it_led_to(target, made):
    found = noted(
        ". d d 9 755 ./d",
        ". d d 9 755 ./d/e",
        ". l d 3 777 ./s => d/e",
        ". l d 3 777 ./out => /etc",
        ". l l 5 777 ./round => ./round/a",
        f". l f 3 777 ./one => {target}",
    )

    assert {one.path: one.target for one in todo([], found, {}).links}.get("one") == made
