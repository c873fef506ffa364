"""What tvb-ext-unicore 3.1.1 (the list of jobs in JupyterLab) asks of a server: registry, pages of ten jobs, documents, output, cancel."""

import tempfile
from datetime import datetime
from pathlib import Path

from pyunicore.client import Client, Job, PathFile, Registry, Transport
from pyunicore.credentials import OIDCToken
from steps import Place, run  # type: ignore[import-not-found]  # beside the script, which alone is run


def transport(place: Place) -> Transport:
    return Transport(OIDCToken(place.token), verify=True)


def client(place: Place) -> Client:
    return Registry(transport(place), place.registry).site(place.site)


def sites_by_name(place: Place) -> None:
    assert Registry(transport(place), place.registry).site_urls.get(place.site) == place.core


def a_page_of_ten_jobs(place: Place) -> None:
    made = client(place).new_job({"ApplicationName": "Date"})
    made.poll(timeout=240)
    seen = []
    while page := client(place).get_jobs(offset=len(seen), num=10):
        assert len(page) <= 10
        seen += [job.resource_url for job in page]
    assert made.resource_url in seen


def a_row_of_the_table(place: Place) -> None:
    """Times must be west-of-Greenwich's `+`: the extension reads what follows it as microseconds."""
    made = client(place).new_job({"Name": "row", "ApplicationName": "Date"})
    made.poll(timeout=240)
    job = Job(transport(place), made.resource_url)
    for key in ("submissionTime", "terminationTime"):
        assert datetime.strptime(job.properties[key], "%Y-%m-%dT%H:%M:%S+%f").year >= 2026  # noqa: DTZ007 - as it does
    assert job.properties["name"] == "row", job.properties
    assert job.job_id
    assert job.properties["siteName"]
    assert job.properties["owner"]
    assert isinstance(job.properties["log"], list)
    assert job.properties["status"]
    assert job.working_dir.properties["mountPoint"]


def output_of_a_job(place: Place) -> None:
    """Files have no slash, folders end in one; a file and a folder are downloaded."""
    made = client(place).new_job({"Executable": "bash", "Arguments": ["-c", "'mkdir d; echo x | tee d/x.txt'"]})
    made.poll(timeout=240)
    found = made.working_dir.listdir()
    assert {name: one.isfile() for name, one in found.items()}.items() >= {"stdout": True, "stderr": True, "d/": False}.items()
    with tempfile.TemporaryDirectory() as folder:
        found["stdout"].download(f"{folder}/stdout")
        inside = made.working_dir.listdir("d/")
        for name, one in inside.items():
            assert isinstance(one, PathFile)
            one.download(str(Path(folder, Path(name).name)))
        assert Path(folder, "stdout").read_bytes() == Path(folder, "x.txt").read_bytes() == b"x\n"


def cancel(place: Place) -> None:
    made = client(place).new_job({"Executable": "sleep", "Arguments": ["600"]})
    job = Job(transport(place), made.resource_url)
    if job.is_running():
        job.abort()
    last = Job(transport(place), made.resource_url)
    last.cache_time = 0
    last.poll(timeout=240)
    assert last.properties["status"] == "FAILED"


if __name__ == "__main__":
    run(sites_by_name, a_page_of_ten_jobs, a_row_of_the_table, output_of_a_job, cancel)
