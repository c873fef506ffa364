"""A job, or a site, that lies about what is in the job's folder: strange notes, folders without end, names that look like others."""

import pytest
from tests.esd_deploy.conftest import JOB, FakeConnection

from esd_build.data.errors import ToolError, UsageError
from esd_build.net.answers import beginning
from esd_deploy.backends import inventory
from esd_deploy.backends.nmpi.answers import JobAnswer, OutputData, OutputFile
from esd_deploy.backends.nmpi.outputs import outputs
from esd_deploy.backends.unicore import answers as unicore_answers
from esd_deploy.backends.unicore import folder as unicore_folder
from esd_deploy.backends.unicore import names as unicore_names
from esd_deploy.fetching.places import Places, escaped
from esd_deploy.fetching.wanted import todo
from esd_deploy.runs.claims import Claims
from esd_localsite.files.files import Storage
from esd_localsite.files.processes import Account

QUEUE = "https://queue.example.org"


@pytest.mark.parametrize("line", [". f f 3 999 ./x", f". f f {'9' * 5000} 644 ./x", ". f f \u0663 644 ./x", f". f f 3 {'7' * 5000} ./x"])
def test_a_note_of_another_form_is_left_out(line):
    found = inventory.parse(f"/r\0{line}\0\0. f f 3 644 ./y\0\0".encode(), b"")
    assert [one.path for one in todo((), found, {}).files] == ["y"]


@pytest.mark.parametrize("line", [f"1 {'9' * 5000} ./x", f"{'9' * 5000} 1 ./x", "\u0663 \u0663 ./x", "../1 1 ./x", "1 1 "])
def test_a_note_of_plain_names_of_another_form_is_left_out(line):
    assert list(unicore_names.parse(f"{line}\0007 1 ./y\0".encode())) == ["y"]


def test_folders_that_name_ever_new_folders_are_given_up_before_they_fill_the_memory():
    asked = []

    def listed(path):
        asked.append(path)
        return {f"{path}{len(asked)}-{number}/": {"isDirectory": True, "size": 0} for number in range(20_000)}

    with pytest.raises(ToolError, match="more than 200000 files"):
        unicore_folder.walk(listed, lambda: ())
    assert len(asked) <= 11


def test_what_the_job_noted_is_read_right_after_the_top():
    folders = {
        "/": {"/a/": {"isDirectory": True, "size": 0}, "/esd/": {"isDirectory": True, "size": 0}, "/z/": {"isDirectory": True, "size": 0}},
        "/esd/": {f"/{inventory.LIST}": {"isDirectory": False, "size": 1}},
    }
    asked = []
    unicore_folder.walk(lambda path: asked.append(path) or folders.get(path, {}), lambda: {"a"})
    assert asked == ["/", "/esd/", "/z/"]


@pytest.mark.parametrize("turned", ["\u202egnp.exe", "photo\u2067gpj.exe", "\u2069x"])
def test_a_name_that_turns_writing_around_is_kept_under_one_that_shows_it(turned):
    place = Places(()).of(turned)
    assert place == escaped(turned)
    assert place.isprintable()
    assert "%E2%80" in place or "%E2%81" in place


def test_other_writing_is_left_as_it_is():
    for name in ("größe", "データ", "ق\u200cر", "e\u0301"):
        assert Places(()).of(name) == name


def endless():
    while True:
        yield b"7" * 1000


def test_a_note_without_end_is_read_to_what_it_should_be():
    assert beginning(endless(), 4096) == b"7" * 4096
    connection = FakeConnection()

    class Reading:
        def __enter__(self):
            return endless()

        def __exit__(self, *_):
            pass

    connection.read = lambda *_: Reading()
    assert Claims(connection, None).notes(JOB).ended is None


@pytest.mark.parametrize(
    "url",
    [
        "https://u.example.org/SITE/rest/core/storages/HOME/files/thesis.tex",
        "https://u.example.org/SITE/rest/core/storages/HOME/files/rest/core/jobs/1",
        "https://u.example.org/SITE/rest/core/jobs/1?x",
        "https://u.example.org/SITE/rest/core/jobs/1/../../storages/HOME",
        "https://u.example.org/SITE/../rest/core/jobs/1",
        "https://u.example.org/SITE/rest/core/jobs/",
        "http://u.example.org/SITE/rest/core/jobs/1",
        "https://u.example.org/SITE/rest/core/jobs/1#",
        "",
    ],
)
def test_only_a_job_is_asked_about_as_one(url):
    assert not unicore_answers.is_job(url)


def test_the_addresses_that_servers_give_their_jobs_are_known():
    for url in (JOB, "https://u.example.org/rest/core/jobs/0d5a2b4f-5f10-4a1b-8a5f-6f8fca7e0b0c", "https://[::1]:1/A/B/rest/core/jobs/x_1"):
        assert unicore_answers.is_job(url)


def test_results_of_a_queue_that_lie_at_strange_addresses_are_told_and_not_asked_for():
    strange = ("https://[", "https://127.0.0.1:8080/admin", "https://localhost/x", "file:///etc/passwd", "//[::1/x", "https://\u2100.org/a")
    job = JobAnswer(id=1, status="finished", output_data=OutputData(files=tuple(OutputFile(url=url, path=url) for url in strange)))
    assert [url for url, one in outputs(job, QUEUE).items() if not one.problem] == []
    fine = OutputData(files=(OutputFile(url="https://data.example.org/a/b.txt?x=/y"), OutputFile(url="a/c.txt")))
    assert list(outputs(JobAnswer(id=1, status="finished", output_data=fine), QUEUE)) == ["b.txt", "c.txt"]


def test_a_queue_that_names_results_without_end_is_given_up():
    many = OutputData(files=tuple(OutputFile(url=f"https://d/{number}") for number in range(10_001)))
    with pytest.raises(ToolError, match="more than 10000"):
        outputs(JobAnswer(id=1, status="finished", output_data=many), QUEUE)


@pytest.mark.parametrize("url", ["https://evil.example.org/jobs/1", f"{QUEUE}/jobs/1?x=/jobs/2", f"{QUEUE}/users/7", f"{QUEUE}/jobs/x"])
def test_a_queue_is_asked_about_its_own_jobs_only(url):
    from esd_deploy.backends.nmpi.connection import NmpiConnection
    from esd_deploy.sites.endpoint import Credentials, Endpoint

    queue = NmpiConnection.open(Endpoint(QUEUE, "", None, Credentials("s3cret"), ""))
    for ask in (queue.state, queue.details, queue.files, queue.delete, queue.abort):
        with pytest.raises(UsageError, match="not the address of a job"):
            ask(url)
    queue._http.close()


def test_a_folder_behind_a_link_into_proc_is_matched_by_nothing(tmp_path):
    import os

    storage = Storage(tmp_path, Account.of(None))
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed" / "secret").write_text("of another user")
    folder = os.open(tmp_path / "closed", os.O_RDONLY)
    (tmp_path / "folder").symlink_to(f"/proc/self/fd/{folder}")
    (tmp_path / "plain").write_text("x")
    assert (storage.matching("folder"), storage.matching("fol*"), storage.matching("pl*")) == ((), (), ("plain",))
    os.close(folder)
