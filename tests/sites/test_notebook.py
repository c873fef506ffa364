"""The notebooks in examples/ are executed from their first cell to their last, at real sites."""

from collections import Counter
from pathlib import Path

import pytest

from esd_deploy.records.record import load

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "examples" / "one_script_any_site.ipynb"
PUBLISHED = ROOT / "examples" / "published_workflows.ipynb"
WITH = {NOTEBOOK: 7, PUBLISHED: 3}
"""Notebook → how many imports of this project it has, at least."""


def code(notebook):
    return [cell for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code"]


@pytest.mark.parametrize("notebook", WITH, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_output(notebook):
    assert [cell.get("execution_count") or cell.get("outputs") for cell in code(notebook)] == [[]] * len(code(notebook))


@pytest.mark.parametrize("notebook", WITH, ids=lambda path: path.stem)
def test_what_it_imports_of_this_project_is_there(notebook):
    lines = [line for cell in code(notebook) for line in cell.source.splitlines() if line.startswith("from esd_")]
    assert len(lines) >= WITH[notebook]
    for line in lines:
        exec(line, {})


def test_places_are_named_in_the_first_cell_of_the_published_way_only():
    first, *others = code(PUBLISHED)

    assert [word in first.source for word in ("SITES =", "QUEUE =", "IMAGE =", "os.environ")] == [True] * 4
    assert [cell.source for cell in others if any(word in cell.source for word in ("os.environ", "jusuf", "galileo", "spinnaker"))] == []


@pytest.mark.site
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the libraries that run notebooks
def test_the_notebook_runs_to_its_end(running_site, published, deploy, tmp_path, monkeypatch):
    monkeypatch.setenv("ESD_SITE", str(deploy.site_file))
    monkeypatch.setenv("ESD_RUNS", str(tmp_path / "runs"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)

    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}).execute()

    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in shown)
    assert any("<table>" in str(output.get("data", {}).get("text/html", "")) for output in shown)


@pytest.mark.site
@pytest.mark.long
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the libraries that run notebooks
def test_the_published_way_runs_over_two_sites_and_the_queue(two_sites, tmp_path, monkeypatch):
    queue = tmp_path / "queue.yaml"
    status = next(line for line in (two_sites / "one.yaml").read_text().splitlines() if line.startswith("status_file"))
    said = ("kind: nmpi", "description: a queue", status, "backend: nest", "nmpi: {platform: Demo, collab: demo}")
    queue.write_text("\n".join((*said, "limits: {nodes: 1, time_s: 3600}", "poll_s: 1", "")))
    places = {"ESD_SITES": f"{two_sites / 'one.yaml'},{two_sites / 'two.yaml'}", "ESD_QUEUE": queue, "ESD_RUNS": tmp_path / "runs"}
    for name, value in places.items():
        monkeypatch.setenv(name, str(value))
    notebook = nbformat.read(PUBLISHED, as_version=4)

    nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}).execute()

    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in shown) == 2
    records = [load(tmp_path / "runs", path.name) for path in (tmp_path / "runs").iterdir() if path.is_dir()]
    assert Counter((one.mode, one.succeeded) for one in records) == {("module", True): 2, ("container", True): 4, ("queue", True): 2}
    assert len({one.site for one in records}) == 3
