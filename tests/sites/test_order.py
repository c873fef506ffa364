"""One run after another, and post-processing on the login node, at a real site."""

import json
from dataclasses import replace

import pytest

pytestmark = pytest.mark.site

IMAGE = ("--image", "nest:edge")
PROGRAM = "open('spikes.txt', 'w').write('spikes')\n"
PLOT = "import os, nest; open('plot.txt', 'w').write(open('spikes.txt').read().upper()); print(os.uname().nodename)"


@pytest.fixture(params=["unicore", "sbatch"])
def there(deploy, published, request):
    """The session's site in both forms: its server submits batch jobs, or the job itself does."""
    site_file = deploy.runs / f"order-{request.param}.yaml"
    site_file.write_text(f"{deploy.site_file.read_text()}\nsubmit: {request.param}\n")
    return replace(deploy, site_file=site_file)


def test_the_login_node_processes_the_results(there, script, tmp_path):
    plot = tmp_path / "plot.py"
    plot.write_text(PLOT)

    record = there.run(script(PROGRAM), *IMAGE, "--post", str(plot))

    folder = there.folder(record)
    assert (record["post"]["exit_code"], (folder / "plot.txt").read_text()) == (0, "SPIKES")
    assert {"plot.txt", "spikes.txt"} <= {file["path"] for file in record["files"] if file["checked"]}
    said = (folder / "esd" / "post.stdout").read_text().splitlines()[-1]  # after NEST's greeting
    assert said == record["post"]["host"] not in record["hosts"]


def test_post_processing_that_fails_is_told_and_all_results_are_here(there, script, tmp_path):
    plot = tmp_path / "plot.py"
    plot.write_text(f"{PLOT}\nraise ValueError('no spikes')")

    record = there.run(script(PROGRAM), *IMAGE, "--post", str(plot), code=1)

    assert (record["exit_code"], record["ending"]["kind"]) == (0, "post-processing failed")
    assert (there.folder(record) / "plot.txt").is_file()


def test_a_run_waits_for_another_one(there, script):
    first = submitted(there, script("import time; time.sleep(5)"))

    after = submitted(there, script(PROGRAM), "--after", first)

    assert json.loads(there("attach", after, "--json").stdout)["ending"]["kind"] == "succeeded"
    assert json.loads(there("attach", first, "--json").stdout)["ending"]["kind"] == "succeeded"


def test_a_run_whose_predecessor_fails_does_not_run(there, script):
    first = submitted(there, script("import time; time.sleep(20); raise SystemExit(3)"))
    words = ("submit", str(script(PROGRAM)), "--site", str(there.site_file), *IMAGE, "--after", first)
    if "unicore" in there.site_file.name:
        assert "did not end well" in there(*words, code=1).stderr
        return
    after = there(*words).stdout.split()[-1]
    ended = json.loads(there("attach", after, "--json", code=1).stdout)
    assert ended["ending"]["kind"] == "predecessor failed"


def submitted(there, path, *options):
    return there("submit", str(path), "--site", str(there.site_file), *IMAGE, *options).stdout.split()[-1]
